// Where an image's buffers lie in memory. Two ways: one arena for all that commands make, inputs and
// outputs used where the caller has them; or, to check memory, every buffer alone in front of a page that
// may not be touched.
#pragma once
#include "image/image.h"
#include "runtime/cpu/constants.h"

namespace rlx::runtime::cpu {

class Buffers {
 public:
  virtual ~Buffers() = default;

  // Makes room for a placement, which must outlive its use; buffers with a pattern hold it from here on.
  virtual Status enter(const image::Placement& placement) = 0;
  // Gives a buffer memory of its own, at least so many bytes, which begin with what it holds.
  virtual Status make_room(uint32_t buffer, int64_t bytes) = 0;
  // Room for the buffers that a command sizes, whose sizes and offsets the placement has now, but for outputs, which
  // have been set. `bytes`: of the command's memory.
  virtual Status enter_told(const image::Placement& placement, uint32_t command,
                            const Vec<uint32_t>& buffers, int64_t bytes) = 0;
  // The input's bytes come from here; they stay where they are until the run is over.
  virtual void set_input(uint32_t buffer, const HostTensor& tensor) = 0;
  // The output's bytes go there.
  virtual void set_output(uint32_t buffer, HostTensor& tensor) = 0;
  // Both lie there, in one memory that the tensor has.
  virtual void set_state(uint32_t input, uint32_t output, HostTensor& tensor) = 0;
  // Around each run.
  virtual void begin_run() = 0;
  virtual void end_run() = 0;

  // By buffer; of the placement entered, with inputs and outputs as set.
  const Vec<void*>& pointers() const { return pointers_; }

 protected:
  explicit Buffers(const image::Image& image) : image_(image), pointers_(image.buffers.size()) {}

  const image::Image& image_;
  Vec<void*> pointers_;
};

std::unique_ptr<Buffers> arena_buffers(const image::Image& image, const Constants& constants);
std::unique_ptr<Buffers> guarded_buffers(const image::Image& image, const Constants& constants);

}  // namespace rlx::runtime::cpu
