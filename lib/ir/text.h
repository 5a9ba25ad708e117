// The text and JSON forms of a graph. Printing and parsing are derived from the operators' records, so an
// attribute cannot be forgotten; parse(print(g)) is compacted(g).
//
//   graph "name" {
//     symbol batch = input 0 axis 0, min 1, max 64
//     %0 = input "image" : f32[batch, 3, 8, 8]
//     %1 = constant sha256:5f3a... : f32[16, 3, 3, 3] "w"        // data by digest
//     %2 = constant [1, 2, 3] : i64[3]                           // up to 64 elements inline
//     %3 = constant 0.5 : f32[16, 64]                            // all elements are that
//     %4 = dims [batch, 16] : i64[2]
//     %5 = conv(%0, %1, _) {pads = [1, 1, 1, 1]} : f32[batch, 16, 8, 8] "y" @ ["/conv1/Conv"]
//     %6, %7 = loop(%3, %5) : f32[u0], f32[2] @ ["/Loop"] {
//       region (%8 : i64[] "i", %9 : f32[2]) captures (%5) {
//         %10 = add(%9, %5) : f32[2] @ ["/Loop/Add"]
//         assume batch == 2 @ "/Loop/Add"
//         yield %10
//       }
//     }
//     assume batch == s0 @ "/add"
//     output "logits" = %5
//   }
//
// A name after a type is the value's. _ stands for an input that is left out. Constants and dims stand
// before their first use. Written by hand, a node may lack its types, which are then inferred, and its
// origin, which is then its first output's id; symbols that are extents of inputs need no declaration.
#pragma once
#include "ir/graph.h"
#include "support/json.h"

namespace rlx {

// Finds the bytes of a constant by digest; given to the parsers by whoever has a store. Without one,
// constants that stand by digest have no bytes.
using ConstantSource = std::function<Result<ConstantData>(const Digest&, int64_t bytes)>;

std::string to_text(const Graph& g);
// The node's right-hand side without its regions, for messages and --print-after diffs.
std::string to_text(const Graph& g, NodeId node);
Result<Graph> parse_graph(std::string_view text, const ConstantSource& source = {});

// The graph's part of the LIR's JSON, one object: a node a line, keys in a fixed order, ids as they are,
// constants of at most 256 bytes inline.
void write_json(JsonWriter& out, const Graph& g);
Result<Graph> read_json(const JsonReader& in, const ConstantSource& source);

// Hash of all that makes the graph what it is, whatever its ids: `with_data` also takes each constant's
// digest, else type and shape alone.
Digest fingerprint(const Graph& g, bool with_data);

}  // namespace rlx
