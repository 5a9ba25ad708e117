// The search: children check graphs in batches, finds are shrunk, all is counted.
#pragma once
#include <string>

#include "test/random/check.h"

namespace rlx::random {

struct SearchOptions {
  std::string seed = "1";
  int64_t first = 0;
  // The search ends after so many graphs or minutes; 0: no such end.
  int64_t graphs = 0;
  double minutes = 0;
  // Children at a time.
  int jobs = 2;
  // Empty: no onnxruntime.
  std::string python, worker;
  // Where failing models go; empty: nowhere.
  std::string keep;
  // A random_graphs of the parent commit: what it finds too is counted apart.
  std::string parent;
  // Finds that are shrunk, at most.
  int shrinks = 40;
  // Models are made and counted, and nothing is run.
  bool dry = false;
  // Models are compiled for v3 and v4, what they compile to is printed as digests, and nothing is run.
  bool images = false;
  // Steps of one shrinking, at most.
  int tries = 500;
};

// The exit code: 0 nothing found, 1 something, 3 a pair that came too rarely in a long run.
int search(const SearchOptions& options);
// Prints what an .onnx file compiles to for v3 and v4, as digests.
int print_digests(const std::string& model);
// Checks MODEL.onnx on MODEL.in.npz in all ways.
int replay(const SearchOptions& options, const std::string& model);

}  // namespace rlx::random
