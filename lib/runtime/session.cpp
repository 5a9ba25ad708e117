#include "runtime/session.h"

#include <algorithm>

#include <fmt/format.h>

#include "image/told.h"
#include "runtime/binding.h"
#include "runtime/codes.h"
#include "support/codes.h"
#include "support/populate.h"

namespace rlx::runtime {
namespace {

using image::Image;

// Runs by the symbols' values that they are placed for: those used last.
class PlacedRuns {
 public:
  // null: none is known.
  Run* find(const Vec<int64_t>& symbols) {
    auto known = std::find_if(placed_.rbegin(), placed_.rend(),
                              [&](const Placed& p) { return p.symbols == symbols; });
    if (known == placed_.rend()) return nullptr;
    std::rotate(known.base() - 1, known.base(), placed_.end());
    return placed_.back().run.get();
  }

  Run* add(const Vec<int64_t>& symbols, std::unique_ptr<Run> run) {
    if (placed_.size() == kMostPlaced) placed_.erase(placed_.begin());
    return placed_.emplace_back(symbols, std::move(run)).run.get();
  }

 private:
  static constexpr size_t kMostPlaced = 64;

  struct Placed {
    Vec<int64_t> symbols;
    std::unique_ptr<Run> run;
  };

  // The one used last is the last.
  Vec<Placed> placed_;
};

}  // namespace

struct Session::Impl {
  Image image;
  Dims dims;
  std::unique_ptr<Device> device;
  std::unique_ptr<Module> module = nullptr;
  PlacedRuns runs = {};
  // Has its inputs and outputs.
  Run* bound = nullptr;
  Vec<int64_t> bound_symbols = {};
  // Those of the image that nothing holds but the caller.
  Vec<HostTensor> outputs = {};
  // Where each of the image's goes.
  Vec<HostTensor*> places = {};
  // Of the loop that was begun.
  std::optional<Feedback> loop = {};
  // Where they stay with the device, by input and by output; empty where nothing does.
  Vec<Kept*> kept_inputs = {}, kept_outputs = {};

  // Where the outputs go that are fed back, if a loop is given.
  Status bind(std::span<const HostTensor> inputs, Feedback* feedback);
  Status run_bound(Profile* profile);
  // Ends what bind() began: inputs may go.
  void unbind();
  // One run of what is bound, and the end of that: the outputs are the caller's.
  Result<Vec<HostTensor>> run_once(Profile* profile, Feedback* feedback);

 private:
  Result<Run*> run_for(const Vec<int64_t>& symbols);
  Status check_inputs(const Binding& binding) const;
  // Makes `outputs`, and says where each one of the image goes.
  Result<Vec<HostTensor*>> make_outputs(const Vec<int64_t>& symbols, Feedback* feedback);
  Result<HostTensor> make_output(const image::Tensor& wanted, const Vec<int64_t>& symbols) const;
  // `kept`: where it lies if not on the host.
  Status fits(const HostTensor& tensor, const Kept* kept, uint32_t buffer,
              const Vec<int64_t>& symbols) const;
  Kept* kept_input(size_t i) const { return kept_inputs.empty() ? nullptr : kept_inputs[i]; }
  Kept* kept_output(size_t i) const { return kept_outputs.empty() ? nullptr : kept_outputs[i]; }
  Error error_of(const Trapped& trapped) const;
  Error error_of(const Stopped& stopped, const Vec<int64_t>& symbols) const;
};

Result<Run*> Session::Impl::run_for(const Vec<int64_t>& symbols) {
  if (Run* known = runs.find(symbols)) return known;
  RLX_TRY_VOID(check_guards(image, symbols));
  RLX_TRY(std::unique_ptr<Run> run, module->place(symbols));
  return runs.add(symbols, std::move(run));
}

Status Session::Impl::fits(const HostTensor& tensor, const Kept* kept, uint32_t buffer,
                           const Vec<int64_t>& symbols) const {
  const int64_t wanted = evaluate(image.buffers[buffer].bytes, symbols).value_or(-1);
  const auto bytes = static_cast<int64_t>(kept ? kept->size() : tensor.data.size());
  // What is kept may have been larger once.
  if (bytes == wanted || (kept && wanted >= 0 && bytes > wanted)) return {};
  return Error(kDamagedImage,
               fmt::format("'{}' has {} bytes, its buffer {}", tensor.name, bytes, wanted));
}

Status Session::Impl::check_inputs(const Binding& binding) const {
  for (size_t i = 0; i < image.inputs.size(); ++i) {
    RLX_TRY_VOID(fits(*binding.inputs[i], kept_input(i), image.inputs[i].buffer, binding.symbols));
  }
  return {};
}

Result<HostTensor> Session::Impl::make_output(const image::Tensor& wanted,
                                              const Vec<int64_t>& symbols) const {
  const bool is_later = std::ranges::any_of(
      wanted.shape, [&](const image::Extent& e) { return is_untold(e, symbols); });
  if (is_later) {
    return HostTensor{wanted.name, wanted.dtype};
  }
  RLX_TRY(Vec<int64_t> shape, shape_of(image, wanted, symbols));
  std::optional<size_t> bytes = tensor_bytes(wanted.dtype, shape);
  const std::string what = fmt::format("output {} {}", wanted.name, type_text(wanted.dtype, shape));
  if (!bytes) return Error(kOutOfMemory, what + " is too big", "smaller dims");
  RLX_TRY(AlignedBytes data, AlignedBytes::make(*bytes, what));
  populate_for_writing({data.data(), data.size()});
  HostTensor output{wanted.name, wanted.dtype, std::move(shape), std::move(data)};
  RLX_TRY_VOID(fits(output, nullptr, wanted.buffer, symbols));
  return output;
}

Result<Vec<HostTensor*>> Session::Impl::make_outputs(const Vec<int64_t>& symbols,
                                                     Feedback* feedback) {
  Vec<HostTensor*> places;
  outputs.clear();
  // They stay where they are.
  outputs.reserve(image.outputs.size());
  for (size_t i = 0; i < image.outputs.size(); ++i) {
    const image::Tensor& wanted = image.outputs[i];
    places.push_back(feedback ? feedback->place_of(i) : nullptr);
    if (places.back()) {
      RLX_TRY_VOID(fits(*places.back(), kept_output(i), wanted.buffer, symbols));
      continue;
    }
    RLX_TRY(HostTensor output, make_output(wanted, symbols));
    places.back() = &outputs.emplace_back(std::move(output));
  }
  return places;
}

Status Session::Impl::bind(std::span<const HostTensor> inputs, Feedback* feedback) {
  device->wake();
  unbind();
  Vec<const HostTensor*> all = pointers_to(inputs);
  if (feedback) {
    RLX_TRY(all, feedback->inputs(inputs));
  }
  RLX_TRY(Binding binding, bind_inputs(image, all, dims));
  kept_inputs.clear();
  kept_outputs.clear();
  if (feedback) {
    RLX_TRY_VOID(feedback->make_room(binding.symbols));
    kept_inputs = feedback->kept_inputs();
    kept_outputs = feedback->kept_outputs();
  }
  RLX_TRY(Run * run, run_for(binding.symbols));
  RLX_TRY_VOID(check_inputs(binding));
  RLX_TRY(places, make_outputs(binding.symbols, feedback));
  RLX_TRY_VOID(run->bind({binding.inputs, places, kept_inputs, kept_outputs}));
  bound = run;
  bound_symbols = std::move(binding.symbols);
  return {};
}

void Session::Impl::unbind() {
  if (bound != nullptr) bound->release();
  bound = nullptr;
}

Result<Vec<HostTensor>> Session::Impl::run_once(Profile* profile, Feedback* feedback) {
  const Status done = run_bound(profile);
  unbind();
  if (!done) return Error(done.error());
  if (feedback) feedback->advance();
  return std::exchange(outputs, {});
}

Status Session::Impl::run_bound(Profile* profile) {
  RLX_CHECK(bound != nullptr, "bind() comes first");
  bound->submit(profile != nullptr);
  RLX_TRY(Finished finished, bound->finish());
  if (profile != nullptr) *profile = std::move(finished.times);
  if (finished.trapped) return error_of(*finished.trapped);
  if (finished.stopped) return error_of(*finished.stopped, finished.symbols);
  if (finished.failed) return *std::move(finished.failed);
  return {};
}

// "index 7 is out of range for 5: ..." in the words of the site.
Error Session::Impl::error_of(const Trapped& trapped) const {
  const image::Command& command = image.commands[trapped.command];
  const Vec<image::Site>& sites = image.kernels[command.kernel].sites;
  auto index = static_cast<uint64_t>(trapped.trap.site - 1);
  RLX_CHECK(index < sites.size(), "a kernel names a check that it does not have");
  return Error(Diagnostic{.code = kBadData,
                          .message = fmt::format("{}: got {}, the extent is {}", sites[index].text,
                                                 trapped.trap.value, trapped.trap.extent),
                          .node = sites[index].node});
}

Error Session::Impl::error_of(const Stopped& stopped, const Vec<int64_t>& symbols) const {
  if (stopped.guard) {
    return Error(failed_guard(image, image.guards[*stopped.guard], symbols));
  }
  const Vec<std::string>& origin = image.commands[stopped.command].origin;
  return Error(Diagnostic{.code = kGuardFailed,
                          .message = "the branch that is taken cannot run with these dims",
                          .node = origin.empty() ? std::string() : origin.front()});
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::load(Image image, const BlobSource& blobs,
                                               std::unique_ptr<Device> device, Dims dims) {
  auto impl = std::make_unique<Impl>(Impl{std::move(image), std::move(dims), std::move(device)});
  RLX_TRY(impl->module, impl->device->load(impl->image, blobs));
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

const Image& Session::image() const { return impl_->image; }

const Vec<int64_t>& Session::symbols() const { return impl_->bound_symbols; }

DeviceFacts Session::device_facts() const { return impl_->device->facts(); }

Result<Vec<int64_t>> Session::symbols_of(std::span<const HostTensor> inputs) const {
  RLX_TRY(Binding binding, bind_inputs(impl_->image, pointers_to(inputs), impl_->dims));
  return std::move(binding.symbols);
}

Result<Vec<HostTensor>> Session::run(std::span<const HostTensor> inputs, Profile* profile) {
  RLX_TRY_VOID(impl_->bind(inputs, nullptr));
  return impl_->run_once(profile, nullptr);
}

Status Session::feed(std::span<const Feed> feeds) {
  RLX_TRY(impl_->loop, Feedback::make(impl_->image, feeds, impl_->device.get()));
  return {};
}

Result<Vec<HostTensor>> Session::step(std::span<const HostTensor> inputs, Profile* profile) {
  RLX_CHECK(impl_->loop.has_value(), "feed() comes first");
  RLX_TRY_VOID(impl_->bind(inputs, &*impl_->loop));
  return impl_->run_once(profile, &*impl_->loop);
}

Result<Vec<HostTensor>> Session::fed_outputs() const {
  RLX_CHECK(impl_->loop.has_value(), "feed() comes first");
  return impl_->loop->copies();
}

Vec<Fed> Session::fed() const {
  RLX_CHECK(impl_->loop.has_value(), "feed() comes first");
  return impl_->loop->fed();
}

Status Session::bind(std::span<const HostTensor> inputs) { return impl_->bind(inputs, nullptr); }

void Session::unbind() { impl_->unbind(); }

Status Session::run_bound(Profile* profile) { return impl_->run_bound(profile); }

}  // namespace rlx::runtime
