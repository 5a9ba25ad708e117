#include "plan/report.h"

#include <fmt/format.h>

#include "support/json.h"

namespace rlx {
namespace {

std::string line_of(const Neighbours& n) {
  const std::string names =
      fmt::format("{} {} {}", n.writer.kernel, n.siblings ? "beside" : "->", n.reader.kernel);
  if (!n.merged) {
    const bool weighed = n.together != Cost();
    const std::string costs =
        weighed ? fmt::format(", {} cycles instead of {}", n.together.cycles, n.apart.cycles) : "";
    return fmt::format("not fused: {}: {}{}\n", names, n.reason, costs);
  }
  return fmt::format("fused: {}: {} bytes {}, {} cycles instead of {}\n", names, n.bytes,
                     n.siblings ? "are read once" : "stay at hand", n.together.cycles,
                     n.apart.cycles);
}

std::string line_of(const SplitKernel& s) {
  return fmt::format("split: {}: {} runs in a kernel of their own, {} cycles instead of {}\n",
                     s.kernel, s.runs, s.apart.cycles, s.whole.cycles);
}

void write_side(JsonWriter& w, std::string_view name, const Neighbours::Side& side) {
  w.key(name);
  w.begin_object();
  w.member("kernel", side.kernel);
  w.member("node", side.node);
  w.end_object();
}

void write(JsonWriter& w, const Neighbours& n) {
  w.begin_object();
  write_side(w, "writer", n.writer);
  write_side(w, "reader", n.reader);
  w.member("siblings", n.siblings);
  w.member("fused", n.merged);
  if (!n.merged) w.member("reason", n.reason);
  w.member("bytes", n.bytes);
  w.member("cycles_apart", n.apart.cycles);
  w.member("cycles_together", n.together.cycles);
  w.end_object();
}

void write(JsonWriter& w, const SplitKernel& s) {
  w.begin_object();
  w.member("kernel", s.kernel);
  w.member("node", s.node);
  w.member("runs", s.runs);
  w.member("cycles_apart", s.apart.cycles);
  w.member("cycles_together", s.whole.cycles);
  w.end_object();
}

void write(JsonWriter& w, const PlannedCost& k) {
  w.begin_object();
  w.member("kernel", k.kernel);
  w.member("node", k.node);
  w.member("algorithm", k.algorithm);
  w.member("cycles", k.cost.cycles);
  w.end_object();
}

}  // namespace

std::string to_text(const PlanReport& report) {
  std::string text;
  for (const Neighbours& n : report.neighbours) text += line_of(n);
  for (const SplitKernel& s : report.splits) text += line_of(s);
  return text;
}

std::string to_json(const PlanReport& report) {
  JsonWriter w;
  w.begin_object(JsonWriter::Layout::kLines);
  w.key("neighbours");
  w.begin_array(JsonWriter::Layout::kLines);
  for (const Neighbours& n : report.neighbours) write(w, n);
  w.end_array();
  w.key("splits");
  w.begin_array(JsonWriter::Layout::kLines);
  for (const SplitKernel& s : report.splits) write(w, s);
  w.end_array();
  w.key("kernels");
  w.begin_array(JsonWriter::Layout::kLines);
  for (const PlannedCost& k : report.kernels) write(w, k);
  w.end_array();
  w.end_object();
  return w.take() + "\n";
}

}  // namespace rlx
