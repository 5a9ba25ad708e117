// A device that runs nothing: it writes down what it is asked, and fails where a test wants it to.
#pragma once
#include <fmt/format.h>

#include "runtime/device.h"

namespace rlx::runtime {

// What happened, and what is to happen. Outlives the device.
struct NullLog {
  Vec<std::string> calls;
  // This call fails; "": none.
  std::string fails;
  std::optional<Trapped> trap;

  Status call(const std::string& name, const std::string& details = "") {
    calls.push_back(name + details);
    if (name != fails) return {};
    return Error(11999, "the null device cannot " + name);
  }
  // The calls since the last time.
  Vec<std::string> take() { return std::exchange(calls, {}); }
};

class NullRun final : public Run {
 public:
  NullRun(NullLog& log, const Vec<int64_t>& symbols)
      : log_(log), name_(fmt::format(" {}", fmt::join(symbols, ","))) {}
  ~NullRun() override { log_.calls.push_back("drop" + name_); }
  NullRun(const NullRun&) = delete;
  NullRun& operator=(const NullRun&) = delete;

  Status bind(const Io& io) override {
    std::string tensors;
    for (const HostTensor* t : io.inputs) tensors += fmt::format(" {}", t->name);
    tensors += " ->";
    for (const HostTensor* t : io.outputs) {
      tensors += fmt::format(" {}[{}]", t->name, fmt::join(t->shape, ","));
    }
    outputs_ = io.outputs;
    return log_.call("bind", name_ + ":" + tensors);
  }
  void submit(bool timed) override {
    (void)log_.call("submit", name_ + (timed ? " timed" : ""));
    timed_ = timed;
  }
  // Every byte of the outputs is then 1.
  Result<Finished> finish() override {
    RLX_TRY_VOID(log_.call("finish", name_));
    for (HostTensor* t : outputs_) std::fill_n(t->data.data(), t->data.size(), std::byte{1});
    Finished finished{.trapped = log_.trap};
    if (timed_) finished.times.items = {{.command = 0, .ns = 5}};
    return finished;
  }

 private:
  NullLog& log_;
  const std::string name_;
  std::span<HostTensor* const> outputs_;
  bool timed_ = false;
};

class NullModule final : public Module {
 public:
  explicit NullModule(NullLog& log) : log_(log) {}
  ~NullModule() override { log_.calls.emplace_back("drop module"); }
  NullModule(const NullModule&) = delete;
  NullModule& operator=(const NullModule&) = delete;

  Result<std::unique_ptr<Run>> place(const Vec<int64_t>& symbols) override {
    RLX_TRY_VOID(log_.call("place", fmt::format(" {}", fmt::join(symbols, ","))));
    return std::unique_ptr<Run>(std::make_unique<NullRun>(log_, symbols));
  }

 private:
  NullLog& log_;
};

class NullDevice final : public Device {
 public:
  explicit NullDevice(NullLog& log) : log_(log) {}
  ~NullDevice() override { log_.calls.emplace_back("drop device"); }
  NullDevice(const NullDevice&) = delete;
  NullDevice& operator=(const NullDevice&) = delete;

  DeviceFacts facts() const override { return {.threads = 7}; }
  Result<std::unique_ptr<Module>> load(const image::Image&, const BlobSource&) override {
    RLX_TRY_VOID(log_.call("load"));
    return std::unique_ptr<Module>(std::make_unique<NullModule>(log_));
  }
  void wake() override { (void)log_.call("wake"); }

 private:
  NullLog& log_;
};

}  // namespace rlx::runtime
