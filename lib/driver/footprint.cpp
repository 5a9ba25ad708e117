#include "driver/footprint.h"

#include <algorithm>

#include <fmt/format.h>

#include "cache/external.h"
#include "driver/cache_listing.h"
#include "driver/codes.h"
#include "driver/load.h"
#include "driver/open_entry.h"
#include "driver/run_generate.h"
#include "plan/likely.h"
#include "plan/plan.h"

namespace rlx::driver {
namespace {

// What is planned, and for which dims.
struct Planned {
  Plan plan;
  std::string target;
  Dims dims;
};

CompileOptions options_of(const BuildRequest& r, Target target, const Dims& dims) {
  return {.target = std::move(target), .dims = dims, .options = r.options};
}

Result<Planned> planned_model(const Variant& v) {
  RLX_TRY(const BuildRequest request, with_given_defaults(v.build, v.shapes));
  RLX_TRY(const Target target, parse_target(request.target));
  RLX_TRY(ModelFile model, imported_model(request));
  RLX_TRY(Dims dims, wanted_dims(model.graph, request));
  RLX_TRY(Plan plan, planned(std::move(model.graph), options_of(request, target, dims)));
  return Planned{std::move(plan), target.text, std::move(dims)};
}

Result<Planned> planned_entry(const Variant& v) {
  RLX_TRY(const cache::Store store, cache::Store::open(v.build.cache));
  RLX_TRY(const cache::Lookup base, lookup_template(store, v.build.model));
  const cache::Sources sources =
      cache::find_sources(store, base.hit->key).value_or(cache::Sources());
  RLX_TRY(const cache::ExternalBlobs external,
          cache::open_external(store, *base.hit, sources, v.build.trusts_no_file()));
  RLX_TRY(const Lir lir, open_lir(store, *base.hit, external, base.lir));
  RLX_TRY(const Target target, parse_target(lir.target));
  RLX_TRY(Dims dims, wanted_dims(lir.graph, v.build));
  RLX_TRY(Plan plan, planned_bound(lir, options_of(v.build, target, dims)));
  return Planned{std::move(plan), target.text, std::move(dims)};
}

// ---- Bytes

// What stays open has the extents that it likely has.
Dims with_likely(const Lir& lir, Dims dims) {
  for (const auto& [name, value] : likely_dims(lir.options)) {
    dims.emplace_back(name, *value.constant());
  }
  return dims;
}

// Symbols by index, capacities as long as what they hold.
Result<Vec<int64_t>> symbols_with_room(const image::Image& image, const Dims& dims) {
  RLX_TRY(Vec<int64_t> symbols, symbols_of(image, dims, "to say how much memory it takes"));
  for (const image::State& s : image.states) {
    const auto extent = [&](const image::Tensor& t) {
      return evaluate(t.shape[s.axis], symbols).value_or(0);
    };
    const int64_t past = extent(image.inputs[s.input]), whole = extent(image.outputs[s.output]);
    symbols[s.input_capacity] = past;
    symbols[s.output_capacity] = whole;
  }
  return symbols;
}

// A constant that only who binds again reads is no memory of a run.
Vec<bool> used_buffers(const image::Image& image) {
  Vec<bool> used(image.buffers.size());
  for (const image::Command& c : image.commands) {
    for (const uint32_t b : c.buffers) used[b] = true;
  }
  for (const image::Tensor& t : image.outputs) used[t.buffer] = true;
  return used;
}

int64_t bytes_of_kind(const image::Image& image, const image::Placement& placement,
                      image::Buffer::Kind kind) {
  const Vec<bool> used = used_buffers(image);
  int64_t bytes = 0;
  for (size_t b = 0; b < image.buffers.size(); ++b) {
    const bool counts =
        image.buffers[b].kind == kind && (used[b] || kind == image::Buffer::Kind::kInput);
    if (counts) bytes += std::max<int64_t>(placement.bytes[b], 0);
  }
  return bytes;
}

// ---- Answers

std::string parts_of(const Footprint& f) {
  using cache::size_text;
  const std::string states =
      f.states > 0 ? fmt::format(" (states {})", size_text(f.states)) : std::string();
  return fmt::format("weights {}  arena {}  inputs {}  outputs {}{}", size_text(f.weights),
                     size_text(f.arena), size_text(f.inputs), size_text(f.outputs), states);
}

void write_item(JsonWriter& out, const Footprint& f, const std::string& target, const Dims& dims,
                bool fits) {
  out.begin_object();
  write_json(out, dims);
  out.member("target", target);
  out.key("memory");
  out.begin_object();
  out.member("weights", f.weights);
  out.member("arena", f.arena);
  out.member("inputs", f.inputs);
  out.member("outputs", f.outputs);
  out.member("states", f.states);
  out.member("all", f.bytes());
  out.end_object();
  out.member("cycles", f.cost.cycles);
  out.member("fits", fits);
  out.end_object();
}

class Planner {
 public:
  explicit Planner(int64_t limit) : limit_(limit) {}

  Status add(const Variant& v) {
    const bool is_model = is_model_file(v.build.model);
    RLX_TRY(const Planned p, is_model ? planned_model(v) : planned_entry(v));
    RLX_TRY(const image::Image image, image_without_code(p.plan.lir, p.plan.kernels));
    const Dims dims = with_likely(p.plan.lir, p.dims);
    RLX_TRY(const Footprint f, footprint_of(image, p.plan.report, dims));
    const bool fits = f.bytes() <= limit_;
    note(f, p.dims, fits);
    answer_.text +=
        fmt::format("{}  {}  {}  in all {}  {:.3g} Mcycles{}\n", to_text(p.dims), p.target,
                    parts_of(f), cache::size_text(f.bytes()),
                    static_cast<double>(f.cost.cycles) / 1e6, fits ? "" : "  over the limit");
    answer_.items.emplace_back([f, target = p.target, dims = p.dims, fits](JsonWriter& out) {
      write_item(out, f, target, dims, fits);
    });
    return {};
  }

  Answer take(const std::string& model) {
    if (over_ > 0) answer_.problems.push_back({problem(), model});
    return std::move(answer_);
  }

 private:
  struct Told {
    Footprint footprint;
    Dims dims;
  };

  void note(const Footprint& f, const Dims& dims, bool fits) {
    if (!fits && over_++ == 0) first_over_ = {f, dims};
    const bool is_larger = !largest_ || f.bytes() > largest_->footprint.bytes();
    if (fits && is_larger) largest_ = {f, dims};
  }

  Diagnostic problem() const {
    const Footprint& f = first_over_->footprint;
    Diagnostic d{.code = kOverLimit};
    d.message = fmt::format("{} needs {} and --mem-limit is {}: {}", to_text(first_over_->dims),
                            cache::size_text(f.bytes()), cache::size_text(limit_), parts_of(f));
    if (over_ > 1) d.message += fmt::format("; so do {} more", over_ - 1);
    d.hint = largest_ ? fmt::format("the largest that fits is {} with {}", to_text(largest_->dims),
                                    cache::size_text(largest_->footprint.bytes()))
                      : "none of them fits";
    return d;
  }

  int64_t limit_;
  int over_ = 0;
  std::optional<Told> first_over_, largest_;
  Answer answer_;
};

}  // namespace

Result<Footprint> footprint_of(const image::Image& image, const PlanReport& report,
                               const Dims& dims) {
  RLX_TRY(const Vec<int64_t> symbols, symbols_with_room(image, dims));
  RLX_TRY(const image::Placement placement, image::place(image, symbols));
  using Kind = image::Buffer::Kind;
  Footprint f{.weights = bytes_of_kind(image, placement, Kind::kConstant),
              .arena = placement.arena_bytes,
              .inputs = bytes_of_kind(image, placement, Kind::kInput),
              .outputs = bytes_of_kind(image, placement, Kind::kOutput)};
  for (const image::State& s : image.states) {
    f.states += std::max<int64_t>(placement.bytes[image.outputs[s.output].buffer], 0);
  }
  for (const PlannedCost& k : report.kernels) f.cost += k.cost;
  return f;
}

Result<Answer> plan_variants(const VariantsRequest& request, int64_t limit) {
  Imports imports;
  VariantsRequest shared = request;
  shared.build.imports = &imports;
  RLX_TRY(const Vec<Variant> variants, variants_of(shared));
  Planner planner(limit);
  for (const Variant& v : variants) {
    if (Status added = planner.add(v); !added) {
      Answer answer = planner.take(request.build.model);
      add_problem(answer, v, added.error(), variants.size() == 1);
      return answer;
    }
  }
  return planner.take(request.build.model);
}

}  // namespace rlx::driver
