#include "driver/run_model.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "driver/code_keeper.h"
#include "driver/failed_kernel.h"
#include "driver/run_codes.h"
#include "driver/run_cover.h"
#include "driver/run_feed.h"
#include "driver/run_generate.h"
#include "driver/run_inputs.h"
#include "runtime/codes.h"
#include "runtime/io/npz.h"
#include "runtime/session.h"
#include "support/files.h"
#include "support/names.h"

namespace rlx::driver {
namespace {

using Shapes = InputShapes;

// Milliseconds since it was made.
class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// An entry that is ready to run.
struct Ready {
  std::unique_ptr<runtime::Session> session;
  std::string key, state;
  bool stored = false;
  Taken taken = {};
  // Where a variant for larger dims serves.
  std::optional<Cover> cover = {};
  std::map<std::string, double> load_ms = {};
  Vec<std::shared_ptr<const MappedFile>> files = {};
};

// A .npz, or a pipe or device that takes one; everything else is a folder.
bool is_one_file(const std::string& path) {
  std::error_code error;
  auto status = std::filesystem::status(path, error);
  return path.ends_with(".npz") ||
         (std::filesystem::exists(status) && !std::filesystem::is_directory(status));
}

// "name" in the model's outputs, or an error that lists them.
Status check_name(const image::Image& image, const std::string& name) {
  Vec<std::string> known;
  for (const image::Tensor& output : image.outputs) known.push_back(output.name);
  if (std::ranges::find(known, name) != known.end()) return {};
  return Error(kNoExpected, fmt::format("the model has no output '{}' to expect", name),
               rlx::hint_for(name, known));
}

class Runner {
 public:
  Runner(const RunRequest& request, const Loader& loader, Vec<RunItem>& items)
      : request_(request), loader_(loader), items_(items) {}

  Status run() {
    RLX_TRY(Vec<TensorSet> sets, read_input_sets(request_.inputs));
    RLX_TRY_VOID(check_files(sets.size()));
    RLX_TRY_VOID(check_loop(sets.size()));
    if (request_.inputs.empty()) {
      RLX_TRY(TensorSet set, generated());
      sets.push_back(std::move(set));
    }
    RLX_TRY_VOID(request_.feed.empty() ? run_sets(sets) : run_loop(sets));
    return differences_.empty() ? Status() : Status(Error(std::move(differences_)));
  }

 private:
  // One file cannot take the outputs of several sets, nor say what to expect of them.
  Status check_files(size_t sets) const {
    for (const std::string& path : {request_.outputs, request_.expect}) {
      if (sets <= 1 || path.empty() || !is_one_file(path)) continue;
      return Error(kRunUsage,
                   fmt::format("{} is one file, but there are {} input sets", path, sets),
                   "name a folder");
    }
    return {};
  }

  Status check_loop(size_t sets) const {
    if (request_.feed.empty()) {
      return request_.steps == 0 ? Status() : Error(kRunUsage, "--steps without --feed");
    }
    if (request_.bench) {
      return Error(kRunUsage, "bench repeats one run, and --feed makes each step another one",
                   "run --steps N says how long a step takes");
    }
    if (request_.steps == 0 || request_.steps >= static_cast<int64_t>(sets)) return {};
    return Error(kRunUsage,
                 fmt::format("--steps is {}, but there are {} input sets", request_.steps, sets));
  }

  Result<TensorSet> generated() {
    RLX_TRY(Ready * ready, ready_for({}));
    return generate_inputs(ready->session->image(), request_.load.dims, request_.seed,
                           ready->cover ? &*ready->cover : nullptr);
  }

  Status run_sets(Vec<TensorSet>& sets) {
    for (TensorSet& set : sets) {
      RLX_TRY(Ready * ready, ready_for(request_.inputs.empty() ? Shapes() : shapes_of(set)));
      RLX_TRY_VOID(blamed(*ready, run_set(*ready, set)));
    }
    return {};
  }

  // One session for all steps.
  Status run_loop(Vec<TensorSet>& sets) {
    RLX_TRY(Ready * ready, ready_for(request_.inputs.empty() ? Shapes() : shapes_of(sets[0])));
    RLX_TRY(const Vec<runtime::Feed> feeds, feeds_of(ready->session->image(), request_.feed));
    RLX_TRY_VOID(ready->session->feed(feeds));
    const auto more = std::max<int64_t>(request_.steps - static_cast<int64_t>(sets.size()), 0);
    for (size_t i = 0; i < sets.size(); ++i) {
      const bool is_last = i + 1 == sets.size();
      RLX_TRY_VOID(
          blamed(*ready, run_steps(*ready, sets[i], feeds, is_last ? 1 + more : 1, is_last)));
    }
    return {};
  }

  // Weights are used where they lie in the model's files: of others outputs are wrong.
  static Status check_weights(const Ready& ready) {
    for (const auto& file : ready.files) RLX_TRY_VOID(file->check_unchanged());
    return {};
  }

  // Of a run whose weights changed meanwhile the error says nothing.
  static Status blamed(const Ready& ready, Status done) {
    if (!done) RLX_TRY_VOID(check_weights(ready));
    return done;
  }

  // What is fed is asked for where it is written or compared, and after the last set.
  Status run_steps(const Ready& ready, TensorSet& set, const Vec<runtime::Feed>& feeds,
                   int64_t steps, bool is_last) {
    runtime::Session& session = *ready.session;
    const image::Image& image = session.image();
    RLX_TRY_VOID(name_by_position(set, image.inputs));
    drop_others(set, image.inputs, image.outputs);
    RunItem item = item_of(ready, set);
    item.steps = steps;
    Vec<HostTensor> outputs;
    Vec<int64_t> times;
    for (int64_t step = 0; step < steps; ++step) {
      runtime::Profile profile;
      const bool is_timed = request_.profile && step + 1 == steps;
      const Stopwatch watch;
      RLX_TRY(outputs, session.step(set.tensors, is_timed ? &profile : nullptr));
      times.push_back(static_cast<int64_t>(watch.ms() * 1e6));
      note_times(image, profile, item);
      drop_fed(set, feeds);
    }
    item.first_run_ms = static_cast<double>(times[0]) / 1e6;
    if (steps > 1) item.latency = latency_of(std::move(times));
    item.fed = session.fed();
    if (is_last || !request_.outputs.empty() || !request_.expect.empty()) {
      RLX_TRY(Vec<HostTensor> fed, session.fed_outputs());
      std::ranges::move(fed, std::back_inserter(outputs));
    }
    return finish(ready, in_order(std::move(outputs), image.outputs), std::move(item));
  }

  static void drop_fed(TensorSet& set, const Vec<runtime::Feed>& feeds) {
    std::erase_if(set.tensors, [&](const HostTensor& t) {
      return std::ranges::find(feeds, t.name, &runtime::Feed::input) != feeds.end();
    });
  }

  static Vec<HostTensor> in_order(Vec<HostTensor> tensors, const Vec<image::Tensor>& model) {
    std::ranges::sort(tensors, {}, [&](const HostTensor& t) {
      return std::ranges::find(model, t.name, &image::Tensor::name) - model.begin();
    });
    return tensors;
  }

  // Sets of the same shapes share a session.
  Result<Ready*> ready_for(const Shapes& shapes) {
    if (auto known = ready_.find(shapes); known != ready_.end()) return &known->second;
    LoadRequest load = request_.load;
    load.input_shapes.insert(load.input_shapes.end(), shapes.begin(), shapes.end());
    load.is_loop = !request_.feed.empty();
    RLX_TRY(Loaded loaded, loader_(load));
    const Stopwatch watch;
    Ready ready{.key = loaded.key,
                .state = loaded.state,
                .stored = loaded.stored,
                .taken = loaded.taken,
                .cover = loaded.cover,
                .load_ms = loaded.load_ms,
                .files = loaded.files};
    const runtime::DeviceOptions options{.threads = request_.threads,
                                         .check_memory = request_.check_memory,
                                         .gpu = request_.gpu,
                                         .made_code = code_keeper(load.cache),
                                         .check_kernels = request_.check_kernels};
    RLX_TRY(auto device, runtime::device_for(loaded.image, options));
    RLX_TRY(ready.session, runtime::Session::load(std::move(loaded.image), loaded.blobs,
                                                  std::move(device), request_.load.dims));
    ready.load_ms["session"] = watch.ms();
    return &ready_.emplace(shapes, std::move(ready)).first->second;
  }

  Status run_set(const Ready& ready, TensorSet& set) {
    const image::Image& image = ready.session->image();
    RLX_TRY_VOID(name_by_position(set, image.inputs));
    drop_others(set, image.inputs, image.outputs);
    RunItem item = item_of(ready, set);
    const Stopwatch watch;
    if (ready.cover) RLX_TRY_VOID(pad_inputs(set.tensors, image, *ready.cover));
    RLX_TRY(Vec<HostTensor> outputs, ready.session->run(set.tensors));
    if (ready.cover) {
      RLX_TRY(outputs, cut_outputs(outputs, *ready.cover));
    }
    item.first_run_ms = watch.ms();
    RLX_TRY_VOID(measure(*ready.session, set, item));
    return finish(ready, outputs, std::move(item));
  }

  Status finish(const Ready& ready, const Vec<HostTensor>& outputs, RunItem item) {
    RLX_TRY_VOID(check_weights(ready));
    const runtime::Session& session = *ready.session;
    const image::Image& image = session.image();
    const Vec<bool> is_capacity = capacities(image);
    for (size_t i = 0; i < is_capacity.size(); ++i) {
      const bool is_shown = !is_capacity[i] && session.symbols()[i] != image::kUntold;
      if (is_shown) item.dims.emplace_back(image.symbols[i].name, session.symbols()[i]);
    }
    RLX_TRY_VOID(write(outputs, item.set));
    RLX_TRY_VOID(report(image, outputs, item));
    items_.push_back(std::move(item));
    return {};
  }

  static RunItem item_of(const Ready& ready, const TensorSet& set) {
    RunItem item{.set = set.name, .key = ready.key, .state = ready.state};
    item.target = ready.session->image().target;
    item.stored = ready.stored;
    item.taken = ready.taken;
    item.load_ms = ready.load_ms;
    item.threads = ready.session->device_facts().threads;
    return item;
  }

  Status measure(runtime::Session& session, const TensorSet& set, RunItem& item) const {
    if (!request_.bench && !request_.profile) return {};
    RLX_TRY_VOID(session.bind(set.tensors));
    const Status done = measure_bound(session, item);
    session.unbind();
    return done;
  }

  Status measure_bound(runtime::Session& session, RunItem& item) const {
    if (request_.bench) {
      RLX_TRY(item.latency, bench([&] { return session.run_bound(); }, *request_.bench));
    }
    if (!request_.profile) return {};
    runtime::Profile profile;
    RLX_TRY_VOID(session.run_bound(&profile));
    note_times(session.image(), profile, item);
    return {};
  }

  static void note_times(const image::Image& image, const runtime::Profile& profile,
                         RunItem& item) {
    for (const auto& [command, ns] : profile.items) {
      item.profile.push_back(time_of(image, command, ns));
    }
  }

  static CommandTime time_of(const image::Image& image, uint32_t index, int64_t ns) {
    const image::Command& command = image.commands[index];
    const bool launches = command.kind == image::Command::Kind::kLaunch;
    std::string kernel(launches ? image.kernels[command.kernel].name : name(command.kind));
    return {std::move(kernel), command.origin, ns};
  }

  Status write(const Vec<HostTensor>& outputs, const std::string& set) const {
    if (request_.outputs.empty() || request_.check_kernels) return {};
    if (is_one_file(request_.outputs)) return write_npz(request_.outputs, outputs);
    RLX_TRY_VOID(make_folders(request_.outputs));
    return write_npz((std::filesystem::path(request_.outputs) / (set + ".npz")).string(), outputs);
  }

  Status report(const image::Image& image, const Vec<HostTensor>& outputs, RunItem& item) {
    for (const HostTensor& t : outputs) {
      item.outputs.push_back({t.name, t.dtype, t.shape, summarise(t), {}});
    }
    if (request_.expect.empty()) return {};
    RLX_TRY(TensorSet wanted, read_expected(request_.expect, item.set));
    RLX_TRY_VOID(name_by_position(wanted, image.outputs));
    drop_others(wanted, image.outputs, image.inputs);
    for (const HostTensor& want : wanted.tensors) {
      RLX_TRY_VOID(check_name(image, want.name));
      compare_with(want, outputs, item);
    }
    if (!wanted.tensors.empty()) return {};
    return Error(kNoExpected,
                 fmt::format("{} has no output of the model to compare", request_.expect));
  }

  void compare_with(const HostTensor& want, const Vec<HostTensor>& outputs, RunItem& item) {
    const size_t index = std::ranges::find(outputs, want.name, &HostTensor::name) - outputs.begin();
    Comparison result = compare(outputs[index], want, request_.tolerance);
    if (!result.problem.empty()) {
      differences_.push_back({.code = kDiffers,
                              .message = fmt::format("output '{}' of set '{}' {}", want.name,
                                                     item.set, result.problem),
                              .hint = hint_for(result)});
    }
    item.outputs[index].comparison = std::move(result);
  }

  static std::string hint_for(const Comparison& c) {
    if (c.passes_at == INFINITY) return "";
    return fmt::format("it would pass with --rtol {0:.2g} --atol {0:.2g}", c.passes_at);
  }

  const RunRequest& request_;
  const Loader& loader_;
  Vec<RunItem>& items_;
  std::map<Shapes, Ready> ready_;
  Vec<Diagnostic> differences_;
};

}  // namespace

Status run_model(const RunRequest& request, const Loader& loader, Vec<RunItem>& items) {
  Status done = Runner(request, loader, items).run();
  const bool is_lost = !done && done.error().first().code == runtime::kKernelFailed;
  // Whoever looks after each kernel knows it already.
  if (!is_lost || request.check_kernels || request.check_memory) return done;
  return failed_kernel(done.error());
}

}  // namespace rlx::driver
