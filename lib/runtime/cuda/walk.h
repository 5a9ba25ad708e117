// Starts the commands of a program on a GPU, in their order.
#pragma once
#include "runtime/cuda/buffers.h"
#include "runtime/cuda/work.h"
#include "runtime/telling_run.h"

namespace rlx::runtime::cuda {

// What kernels use beside their buffers.
struct Spare {
  // A trap a command, each image::kTrapRoom bytes.
  Address traps = 0;
  Address scratch = 0;
};

// Who does on the host what the walk comes to.
struct Host {
  // The program may be another one afterwards, of as many steps.
  Steward& steward;
  // Whether a kernel has met bad data: nobody knows what a condition is worth then.
  std::function<Result<bool>()> is_trapped;
  // What is wrong after a command that was waited for, though the GPU says nothing; empty: nobody looks.
  std::function<Status()> check = {};
};

// What it is given may change while the host is at work.
class Walk {
 public:
  Walk(const Gpu& gpu, const image::Image& image, const LoadedCode& code, const Program& program,
       const Vec<Address>& addresses, const Spare& spare)
      : gpu_(gpu),
        image_(image),
        code_(code),
        program_(program),
        addresses_(addresses),
        spare_(spare) {}

  // All that there is to start, in order: no step chooses.
  Result<Works> works() const;
  // The same with the host at every choice; `finished` says where it stopped, false that it ended at bad data. Timed, it
  // waits after each command, and an error names it.
  Result<bool> follow(const Host& host, bool timed, Finished& finished);

 private:
  Status start(const Step& step);
  // Nothing where the step has nothing to do.
  Status add(const Step& step, Works& works) const;
  Status add_launch(const Step& step, Works& works) const;
  Status start_timed(const Host& host, const Step& step, Profile& times);
  // That step is to blame.
  Error blamed(const Step& step, const Error& failed) const;
  // The step behind one that chooses.
  Result<size_t> after(const Host& host, const Step& step, Finished& finished);
  Result<bool> begin_trip(const Host& host, const Step& step);
  Status put_away(const Host& host, const Step& step, int64_t trip);
  Address argument(const Step& step, size_t i) const {
    return addresses_[program_.argument_buffers[step.first_argument + i]];
  }
  template <class T>
  Result<T> value_at(Address from) const;
  template <class T>
  Status set_value(Address to, T value) const;

  const Gpu& gpu_;
  const image::Image& image_;
  const LoadedCode& code_;
  const Program& program_;
  const Vec<Address>& addresses_;
  const Spare& spare_;
  // By branch that is a loop: the trip that it is at; -1: none.
  Vec<int64_t> trips_;
};

}  // namespace rlx::runtime::cuda
