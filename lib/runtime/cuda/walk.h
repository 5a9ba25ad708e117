// Starts the commands of a program on a GPU, in their order.
#pragma once
#include "runtime/cuda/buffers.h"
#include "runtime/program.h"

namespace rlx::runtime::cuda {

// What kernels use beside their buffers.
struct Spare {
  // A trap a command, each image::kTrapRoom bytes.
  Address traps = 0;
  Address scratch = 0;
};

class Walk {
 public:
  Walk(const Gpu& gpu, const LoadedCode& code, const Program& program,
       const Vec<Address>& addresses, Spare spare)
      : gpu_(gpu), code_(code), program_(program), addresses_(addresses), spare_(spare) {}

  // All that there is, in order: no step chooses.
  Status start_all();
  // The same with the host at every choice; `finished` says where it stopped. Timed, it waits after each command.
  Status follow(bool timed, Finished& finished);

 private:
  Status start(const Step& step);
  Status launch(const Step& step);
  Status start_timed(const Step& step, Profile& times);
  // The step behind one that chooses.
  Result<size_t> after(const Step& step, Finished& finished);
  Result<bool> begin_trip(const Step& step);
  Status put_away(const Step& step, int64_t trip);
  Address argument(const Step& step, size_t i) const {
    return addresses_[program_.argument_buffers[step.first_argument + i]];
  }
  template <class T>
  Result<T> value_at(Address from) const;
  template <class T>
  Status set_value(Address to, T value) const;

  const Gpu& gpu_;
  const LoadedCode& code_;
  const Program& program_;
  const Vec<Address>& addresses_;
  Spare spare_;
  // By branch that is a loop: the trip that it is at; -1: none.
  Vec<int64_t> trips_;
};

}  // namespace rlx::runtime::cuda
