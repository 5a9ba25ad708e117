// Makes typed nodes: what the frontend, `expand` and passes build graphs with.
#pragma once
#include "ir/infer_ctx.h"

namespace rlx {

class GraphBuilder {
 public:
  // Appends to the end of region; nodes get that origin.
  GraphBuilder(Graph& graph, RegionId region, Origin origin);

  // A node with as many outputs as its operator has, or `outputs` of them, and the types that its `infer`
  // gives; where that fails, they are unknown and the node stays. Inputs that are left out are invalid
  // ids.
  Result<Values> add(Attrs attrs, Values inputs, int outputs = -1);
  // Of an operator with its default attributes.
  Result<Values> add(std::string_view op, Values inputs, int outputs = -1);
  // The same with one output.
  Result<ValueId> add1(Attrs attrs, Values inputs);
  Result<ValueId> add1(std::string_view op, Values inputs);
  // A node that owns regions, which are complete.
  Result<Values> add(Attrs attrs, Values inputs, Vec<RegionId> regions, int outputs);

  ValueId constant(Constant c, std::string name = {});
  ValueId i64(int64_t scalar);
  ValueId i64s(const Vec<int64_t>& elements);
  // A constant where all are numbers.
  ValueId dims(Vec<Dim> elements, int rank = 1);

  const Type& type(ValueId v) const { return graph_[v].type; }
  // As InferCtx::known, of any value.
  Known known(ValueId v) const { return known_elements(graph_, v, known_); }

  void set_origin(Origin origin) { origin_ = std::move(origin); }
  const Origin& origin() const { return origin_; }
  void set_region(RegionId region) { region_ = region; }
  RegionId region() const { return region_; }
  Graph& graph() { return graph_; }

  // Elements that were told of values before, by value; starts empty.
  Vec<Known>& told() { return known_; }

 private:
  Graph& graph_;
  RegionId region_;
  Origin origin_;
  Vec<Known> known_;
};

}  // namespace rlx
