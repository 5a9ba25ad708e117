// Outputs that are fed back: what a run gives is what the next one takes. Keeps these tensors over the runs of a loop.
//
// An output that holds its input (a State of the image) is appended to in place: both are one tensor, whose memory has
// room for more and doubles where that is full. Any other output changes places with its input: two tensors that are
// written in turn. Nothing else is copied.
//
// With a device that keeps what goes round the tensors' bytes are its own (Kept) from the first step on, and come back when
// copies() asks. A tensor stays on the host where its elements are dims.
#pragma once
#include <span>

#include "image/image.h"
#include "runtime/device.h"
#include "runtime/io/host_tensor.h"

namespace rlx::runtime {

// By name, of the model.
struct Feed {
  std::string output, input;

  bool operator==(const Feed&) const = default;
};

// What is known of one that goes round.
struct Fed {
  std::string output, input;
  DType dtype = DType::kF32;
  // As the last run has left it.
  Vec<int64_t> shape;
  // Whether it is appended to in place, and for how much there is room along that axis.
  bool in_place = false;
  int64_t capacity = 0;
};

class Feedback {
 public:
  // Errors 5121 to 5123: names that the model does not have, a tensor that is fed twice, types that do not fit. Both
  // outlive it; without a device all stays on the host.
  static Result<Feedback> make(const image::Image& image, std::span<const Feed> feeds,
                               Device* device = nullptr);

  bool is_empty() const { return slots_.empty(); }
  // All inputs of the next run: those given, and what the last run has left. The first run is given all of them, but for
  // states that begin empty; the others those that are not fed, error 5124 where one is given that is.
  Result<Vec<const HostTensor*>> inputs(std::span<const HostTensor> given);
  // What has room for the outputs of a run with these symbols; sets capacities in them.
  Status make_room(Vec<int64_t>& symbols);
  // Where output i goes; null where it is not fed.
  HostTensor* place_of(size_t output);
  // Where they stay with the device: by input, and by output; null where they do not.
  Vec<Kept*> kept_inputs() const;
  Vec<Kept*> kept_outputs() const;
  // The run is over.
  void advance();
  // Dense copies of the outputs that are fed, as the last run has left them, in the image's order. Once it has begun.
  Result<Vec<HostTensor>> copies() const;
  // In the order of the feeds.
  Vec<Fed> fed() const;

 private:
  struct Slot {
    uint32_t input = 0, output = 0;
    // Where they are one memory.
    const image::State* state = nullptr;
    // Of the input: what the next run takes. Of a state the shape is of what is there, the bytes are all there is room
    // for.
    HostTensor now = {};
    // In place of their bytes; null until the first step, or for good.
    std::unique_ptr<Kept> kept_now = nullptr, kept_next = nullptr;
    bool may_be_kept = false;
    // Along the state's axis.
    int64_t room = 0;
    // Of an output that is no state.
    HostTensor next = {};
    // Of the output, once there is room for it.
    Vec<int64_t> next_shape = {};
  };

  Feedback(const image::Image& image, Device* device)
      : image_(&image), device_(device), capacity_(image.symbols.size()) {}
  void find_states();
  Status take_first(std::span<const HostTensor> given);
  HostTensor empty(const Slot& slot, std::span<const HostTensor> given) const;
  Status grow(Slot& slot, int64_t capacity);
  Status grow_kept(Slot& slot, int64_t capacity);
  Status make_next(Slot& slot);
  // What was given for the first step goes to the device.
  Status hand_over(Slot& slot);

  const image::Image* image_;
  Device* device_;
  Vec<Slot> slots_;
  // By symbol: of states.
  Vec<int64_t> capacity_;
  bool has_begun_ = false;
};

}  // namespace rlx::runtime
