#include "driver/choose_variant.h"

#include <algorithm>

#include <fmt/format.h>

#include "driver/cache_listing.h"
#include "driver/dim_lists.h"
#include "plan/covering.h"

namespace rlx::driver {
namespace {

using Values = std::map<std::string, int64_t>;

int64_t volume_of(const Dims& dims) {
  int64_t volume = 1;
  for (const auto& [name, value] : dims) {
    if (__builtin_mul_overflow(volume, value, &volume)) return INT64_MAX;
  }
  return volume;
}

class Chooser {
 public:
  Chooser(const Graph& g, const Dims& wanted) : g_(g), wanted_(wanted.begin(), wanted.end()) {}

  Result<VariantChoice> choose(Vec<Row> rows) {
    std::ranges::stable_sort(rows, {},
                             [](const Row& r) { return std::pair(volume_of(r.dims), r.key); });
    const Row* exact = nullptr;
    for (const Row& row : rows) {
      const bool is_closer = !exact || row.dims.size() > exact->dims.size();
      if (is_exact(row.dims) && is_closer) exact = &row;
    }
    if (exact) take(*exact, VariantChoice::Fit::kExact, "it is bound to these dims");
    for (const Row& row : rows) {
      if (&row == exact) continue;
      RLX_TRY(std::string why, why_not(row.dims));
      if (why.empty() && out_.key.empty()) {
        take(row, VariantChoice::Fit::kCovering,
             "inputs are padded to it, and no padding reaches what is kept of the outputs");
      } else {
        if (why.empty()) why = "it would fit, and the one that is taken fits better";
        out_.rejected.push_back({row.key, row.dims, std::move(why)});
      }
    }
    return std::move(out_);
  }

 private:
  void take(const Row& row, VariantChoice::Fit fit, std::string why) {
    out_.fit = fit;
    out_.key = row.key;
    out_.dims = row.dims;
    out_.why = std::move(why);
    if (fit == VariantChoice::Fit::kCovering) out_.cover = std::move(cover_);
  }

  bool is_exact(const Dims& bound) const {
    return std::ranges::all_of(bound, [&](const auto& d) {
      const auto at = wanted_.find(d.first);
      return at != wanted_.end() && at->second == d.second;
    });
  }

  // Why it does not cover what is wanted; empty: it does, and cover_ says how.
  Result<std::string> why_not(const Dims& bound) {
    std::set<std::string> larger;
    for (const auto& [name, value] : bound) {
      const auto at = wanted_.find(name);
      if (at == wanted_.end()) return fmt::format("no input says what {} is", name);
      if (at->second > value) return fmt::format("{}={} is larger", name, at->second);
      if (at->second < 1) return fmt::format("{}={} has nothing to pad", name, at->second);
      if (at->second < value) larger.insert(name);
    }
    if (larger.empty()) return std::string("another one has more dims bound");
    for (const Symbol& s : g_.symbols) {
      const auto is_it = [&](const auto& d) { return d.first == s.name; };
      if (std::ranges::none_of(bound, is_it)) return fmt::format("{} is open in it", s.name);
    }
    if (!holds_for_wanted()) return std::string("the model does not take these dims");
    if (!describe_cover()) return std::string("shapes of the model are not known for these dims");
    return proof(larger);
  }

  Result<std::string> proof(const std::set<std::string>& larger) {
    const auto known = proofs_.find(larger);
    if (known != proofs_.end()) return known->second;
    RLX_TRY(const auto fault, why_not_covered(g_, larger));
    return proofs_[larger] =
               fault ? fmt::format("padding would reach outputs: {}: {}", fault->node, fault->why)
                     : std::string();
  }

  // Ranges and facts, which the larger run checks for its own dims alone.
  bool holds_for_wanted() const {
    for (const Symbol& s : g_.symbols) {
      const int64_t value = wanted_.at(s.name);
      if (value < s.min || value > s.max || value % s.multiple_of != 0) return false;
    }
    return std::ranges::all_of(g_.top().facts, [&](const Fact& f) {
      const auto a = evaluate(f.a, wanted_), b = evaluate(f.b, wanted_);
      if (!a || !b) return false;
      return f.relation == Fact::Relation::kEqual ? *a == *b : *a <= *b;
    });
  }

  std::optional<Vec<int64_t>> shape_of_value(ValueId v) const {
    Vec<int64_t> shape;
    for (const Dim& d : g_[v].type.shape) {
      const auto extent = evaluate(d, wanted_);
      if (!extent || *extent < 0) return std::nullopt;
      shape.push_back(*extent);
    }
    return shape;
  }

  bool describe_cover() {
    cover_ = {};
    const auto add = [&](auto& shapes, const std::string& name, ValueId v) {
      auto shape = shape_of_value(v);
      if (shape) shapes.emplace(name, std::move(*shape));
      return shape.has_value();
    };
    for (const ValueId v : g_.inputs()) {
      if (!add(cover_.inputs, g_[v].name, v)) return false;
    }
    for (size_t i = 0; i < g_.outputs().size(); ++i) {
      if (!add(cover_.outputs, g_.output_names[i], g_.outputs()[i])) return false;
    }
    return true;
  }

  const Graph& g_;
  Values wanted_;
  // By the symbols that are larger.
  std::map<std::set<std::string>, std::string> proofs_;
  Cover cover_;
  VariantChoice out_;
};

}  // namespace

Result<VariantChoice> choose_variant(const cache::Store& store, const std::string& template_key,
                                     const Graph& g, const Dims& wanted) {
  RLX_TRY(Vec<Row> rows, rows_of(store, [&](const cache::Record& record) {
            return record.entry && record.key.starts_with(template_key + "__");
          }));
  std::erase_if(rows, [](const Row& r) { return r.stale || r.dims.empty(); });
  return Chooser(g, wanted).choose(std::move(rows));
}

}  // namespace rlx::driver
