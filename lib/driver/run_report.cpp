// What rlx-run says about a set: lines to read, and JSON.
#include <cmath>

#include <fmt/format.h>

#include "driver/run_model.h"

namespace rlx::driver {
namespace {

// "1.23 ms", "45.6 us".
std::string time_text(double ns) {
  if (ns >= 1e9) return fmt::format("{:.3g} s", ns / 1e9);
  if (ns >= 1e6) return fmt::format("{:.3g} ms", ns / 1e6);
  return fmt::format("{:.3g} us", ns / 1e3);
}

std::string text_of(const Comparison& c) {
  if (c.problem.empty()) {
    return fmt::format("ok, max abs {:.2g}, max rel {:.2g}", c.max_abs, c.max_rel);
  }
  if (std::isinf(c.passes_at)) return c.problem;
  return fmt::format("{}; max abs {:.2g}, max rel {:.2g}, passes at {:.2g}", c.problem, c.max_abs,
                     c.max_rel, c.passes_at);
}

std::string line_of(const OutputReport& o, size_t width) {
  std::string line =
      fmt::format("{:{}}  {}[{}]", o.name, width, name(o.dtype), fmt::join(o.shape, ", "));
  const Summary& s = o.summary;
  if (!s.first.empty()) {
    const bool more = s.first.size() == Summary::kShown;
    line += fmt::format("  min {:.6g}  max {:.6g}  mean {:.6g}  [{}{}]", s.min, s.max, s.mean,
                        fmt::join(s.first, ", "), more ? ", ..." : "");
  }
  if (s.nan != 0) line += fmt::format("  {} NaN", s.nan);
  if (o.comparison) line += "  " + text_of(*o.comparison);
  return line + '\n';
}

std::string line_of(const Latency& l) {
  return fmt::format("median {} ({} to {})  min {}  mean {}  p90 {}  p99 {}  max {}  {} runs  {}\n",
                     time_text(l.median), time_text(l.ci_lo), time_text(l.ci_hi), time_text(l.min),
                     time_text(l.mean), time_text(l.p90), time_text(l.p99), time_text(l.max), l.n,
                     verdict(l));
}

double sum_of(const Vec<CommandTime>& profile) {
  double sum = 0;
  for (const CommandTime& t : profile) sum += static_cast<double>(t.ns);
  return sum;
}

std::string lines_of(const Vec<CommandTime>& profile) {
  const double sum = sum_of(profile);
  std::string text;
  for (const CommandTime& t : profile) {
    auto ns = static_cast<double>(t.ns);
    text += fmt::format("{:>9}  {:4.1f} %  {}  [{}]\n", time_text(ns), 100 * ns / sum, t.kernel,
                        fmt::join(t.origin, ", "));
  }
  return text;
}

// Writes values under names, an object inside another.
class ObjectWriter {
 public:
  ObjectWriter(JsonWriter& out, std::string_view key) : out_(out) {
    out.key(key);
    out.begin_object();
  }
  ~ObjectWriter() { out_.end_object(); }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

 private:
  JsonWriter& out_;
};

void write(JsonWriter& out, const Latency& l) {
  {
    const ObjectWriter object(out, "latency_ns");
    out.member("n", l.n);
    out.member("median", l.median);
    out.member("ci_lo", l.ci_lo);
    out.member("ci_hi", l.ci_hi);
    out.member("mean", l.mean);
    out.member("min", l.min);
    out.member("max", l.max);
    out.member("p50", l.p50);
    out.member("p90", l.p90);
    out.member("p99", l.p99);
  }
  out.member("verdict", verdict(l));
}

void write(JsonWriter& out, const Comparison& c) {
  out.member("ok", c.problem.empty());
  if (!c.problem.empty()) out.member("problem", c.problem);
  out.member("max_abs", c.max_abs);
  out.member("max_rel", c.max_rel);
  out.member("bad", c.bad);
  if (!c.first_bad.empty()) {
    out.key("first_bad");
    out.values(std::span<const int64_t>(c.first_bad));
  }
  out.member("passes_at", c.passes_at);
}

void write(JsonWriter& out, const OutputReport& o) {
  out.begin_object();
  out.member("name", o.name);
  out.member("dtype", name(o.dtype));
  out.key("shape");
  out.values(std::span<const int64_t>(o.shape));
  out.member("min", o.summary.min);
  out.member("max", o.summary.max);
  out.member("mean", o.summary.mean);
  out.member("nan", o.summary.nan);
  if (o.comparison) write(out, *o.comparison);
  out.end_object();
}

void write(JsonWriter& out, const Vec<CommandTime>& profile) {
  out.key("profile");
  out.begin_array();
  for (const CommandTime& t : profile) {
    out.begin_object();
    out.member("kernel", t.kernel);
    out.key("nodes");
    out.values(std::span<const std::string>(t.origin));
    out.member("ns", t.ns);
    out.end_object();
  }
  out.end_array();
}

void write(JsonWriter& out, const Vec<runtime::Fed>& fed) {
  out.key("fed");
  out.begin_array();
  for (const runtime::Fed& f : fed) {
    out.begin_object();
    out.member("output", f.output);
    out.member("input", f.input);
    out.member("type", type_text(f.dtype, f.shape));
    out.member("in_place", f.in_place);
    if (f.in_place) out.member("capacity", f.capacity);
    out.end_object();
  }
  out.end_array();
}

void write_dims(JsonWriter& out, const RunItem& item) {
  out.key("dims");
  out.begin_array();
  for (const auto& [symbol, value] : item.dims) {
    out.begin_object();
    out.member("name", symbol);
    out.member("value", value);
    out.end_object();
  }
  out.end_array();
}

}  // namespace

std::string to_text(const RunItem& item) {
  std::string text;
  size_t width = 0;
  for (const OutputReport& o : item.outputs) width = std::max(width, o.name.size());
  for (const OutputReport& o : item.outputs) text += line_of(o, width);
  if (item.latency) text += line_of(*item.latency);
  return text + lines_of(item.profile);
}

void write_json(JsonWriter& out, const RunItem& item) {
  out.begin_object();
  out.member("set", item.set);
  out.member("key", item.key);
  out.member("state", item.state);
  out.member("stored", item.stored);
  out.member("taken", name(item.taken.kind));
  out.member("why", item.taken.why);
  {
    const ObjectWriter object(out, "target");
    out.member("name", item.target);
  }
  write_dims(out, item);
  {
    const ObjectWriter object(out, "load_ms");
    for (const auto& [step, ms] : item.load_ms) out.member(step, ms);
  }
  out.member("first_run_ms", item.first_run_ms);
  if (item.steps > 0) out.member("steps", item.steps);
  if (!item.fed.empty()) write(out, item.fed);
  out.member("threads", item.threads);
  if (item.latency) write(out, *item.latency);
  if (!item.profile.empty()) write(out, item.profile);
  out.key("outputs");
  out.begin_array();
  for (const OutputReport& o : item.outputs) write(out, o);
  out.end_array();
  out.end_object();
}

}  // namespace rlx::driver
