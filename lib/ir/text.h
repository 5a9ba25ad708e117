// The text and JSON forms of a graph. Printing and parsing are derived from the operators' records, so an
// attribute cannot be forgotten; parse(print(g)) == g.
//
//   graph "name" {
//     symbol batch = input 0 axis 0, min 1, max 64
//     %0 = input "image" : f32[batch, 3, 8, 8]
//     %1 = constant sha256:5f3a... : f32[16, 3, 3, 3]           // data by digest
//     %2 = constant [1, 2, 3] : i64[3]                           // up to 64 elements inline
//     %3 = dims [batch, 16] : i64[2]
//     %4 = conv(%0, %1) {pads = [1, 1, 1, 1]} : f32[batch, 16, 8, 8] @ ["/conv1/Conv"]
//     assume batch == s0 @ "/add"
//     output "logits" = %4
//   }
#pragma once
#include "ir/graph.h"

namespace rlx {

// Finds the bytes of a constant by digest; given to the parsers by whoever has a store.
using ConstantSource = std::function<Result<ConstantData>(const Digest&, int64_t bytes)>;

std::string to_text(const Graph& g);
// One value's right-hand side, for messages and --print-after diffs.
std::string to_text(const Graph& g, NodeId node);
Result<Graph> parse_graph(std::string_view text, const ConstantSource& source = {});

// Canonical bytes of the graph: `with_data` also takes each constant's digest, else type and shape alone.
Digest fingerprint(const Graph& g, bool with_data);

}  // namespace rlx
