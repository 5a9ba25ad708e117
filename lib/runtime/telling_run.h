// A run whose commands may tell what nobody knew before: symbols that are read from memory in its middle, the memory that
// these size, and outputs whose shapes they give. What every device does alike stands here; where memory is, and how
// commands are started, is the device's.
#pragma once
#include "runtime/program.h"
#include "runtime/told_symbols.h"

namespace rlx::runtime {

// Who makes room for what only the run knows. Everything here happens while no command runs, and the program may be
// another one afterwards, of as many steps.
class Steward {
 public:
  virtual ~Steward() = default;
  // One that tells, or gives.
  virtual Status run(uint32_t command) = 0;
  // For so many bytes of a loop's i-th slices.
  virtual Status make_room(uint32_t command, size_t slices, int64_t bytes) = 0;
};

class TellingRun : public Run, protected Steward {
 protected:
  // Both outlive it.
  TellingRun(const image::Image& image, const ToldSymbols& told, image::Placement placement)
      : image_(image), told_(told), placement_(std::move(placement)) {}

  Status run(uint32_t command) final;
  Status make_room(uint32_t command, size_t slices, int64_t bytes) final;

  // The device's part.
  virtual Program& program() = 0;
  virtual Result<int64_t> read_i64(uint32_t buffer, int64_t offset) = 0;
  virtual Status copy_bytes(uint32_t to, uint32_t from, int64_t bytes) = 0;
  // At least so many bytes, which begin with what the buffer holds.
  virtual Status give_room(uint32_t buffer, int64_t bytes) = 0;
  // For what the command sizes, as placement_ has it now, but for outputs. `bytes`: of the command's memory.
  virtual Status give_told(uint32_t command, const Vec<uint32_t>& buffers, int64_t bytes) = 0;
  // Whether the output is written where it lies, and so needs its memory before.
  virtual bool is_written_in_place(size_t output) const = 0;
  // One whose tensor has been made.
  virtual Status give_output(size_t output) = 0;
  // All commands anew, for the symbols and placement_ as they are now.
  virtual Status remake_program() = 0;

  // Its tensor gets the shape that the run told.
  Status make_output(size_t output);
  // What copies the state's input to its output is left out where they are one memory; for the program as it is now.
  void skip_copies(const image::State& state);

  const image::Image& image_;
  const ToldSymbols& told_;
  image::Placement placement_;
  std::span<HostTensor* const> outputs_;
  // Bytes, by buffer that was given room in this run.
  std::map<uint32_t, int64_t> rooms_;
  // By output of a state: whether it lies in its input's memory.
  std::map<uint32_t, bool> in_place_;

 private:
  Vec<int64_t>& symbols() { return program().symbols; }
  Status tell(uint32_t command);
  Status give(const image::Command& command);
  Status enter_told(uint32_t command);
  Status measure_rooms();
  Status make_room(uint32_t buffer, int64_t bytes);
};

}  // namespace rlx::runtime
