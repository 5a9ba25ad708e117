// A small image that has one of everything, for the tests of this folder.
#pragma once
#include "image/image.h"

namespace rlx::image {

inline Extent symbol(int64_t index) { return {{{Extent::Op::kSymbol, index}}}; }

inline Extent binary(Extent a, Extent::Op op, const Extent& b) {
  a.steps.insert(a.steps.end(), b.steps.begin(), b.steps.end());
  a.steps.push_back({op, 0});
  return a;
}

inline Extent times(const Extent& e, int64_t factor) {
  return binary(e, Extent::Op::kMul, Extent::constant(factor));
}

inline Digest digest_of(std::string_view text) { return sha256(bytes_of(text)); }

// y = relu(x * w), then a copy of x, a fill; x: f32[batch, 4].
inline Image sample() {
  Extent batch = symbol(0), row_bytes = times(batch, 16);
  Image image{.target = "cpu:x86-64-v3", .isa = {"avx2", "fma"}};
  image.symbols = {{.name = "batch", .input = 0, .axis = 0, .min = 1, .max = 64, .multiple_of = 2},
                   {.name = "steps", .min = 0}};
  image.inputs = {{"x", DType::kF32, {batch, Extent::constant(4)}, 0}};
  image.outputs = {{"y", DType::kF32, {batch, Extent::constant(4)}, 1},
                   {"x_again", DType::kF32, {batch, Extent::constant(4)}, 2}};
  image.buffers = {{.kind = Buffer::Kind::kInput, .bytes = row_bytes},
                   {.kind = Buffer::Kind::kOutput, .bytes = row_bytes},
                   {.kind = Buffer::Kind::kOutput, .bytes = row_bytes},
                   {.kind = Buffer::Kind::kArena, .bytes = row_bytes, .first = 0, .last = 1},
                   {.kind = Buffer::Kind::kArena,
                    .bytes = Extent::constant(256),
                    .first = 2,
                    .last = 3,
                    .slot = 5,
                    .pattern = std::string("\0\0\x80\xff", 4)},
                   {.kind = Buffer::Kind::kConstant,
                    .bytes = Extent::constant(64),
                    .blob = digest_of("weights"),
                    .offset = 128}};
  image.guards = {{binary(batch, Extent::Op::kLe, Extent::constant(64)), "batch <= 64", "/mul"}};
  image.kernels = {{"mul", 0, batch, Extent::constant(64), {{"/mul", "index out of range"}}},
                   {"relu", 64, Extent::constant(1), Extent::constant(64), {}}};
  image.commands = {{.kernel = 0, .buffers = {0, 5, 3}, .origin = {"/mul", "/mul/fold"}},
                    {.kernel = 1, .buffers = {3, 1}, .waits = {0}, .origin = {"/relu"}},
                    {.kind = Command::Kind::kCopy, .buffers = {2, 0}, .origin = {"/identity"}},
                    {.kind = Command::Kind::kFill, .buffers = {4}, .origin = {"/pad"}}};
  image.code = std::string(128, '\xC3');
  return image;
}

// The sample with a border: of the 256 bytes that are filled, the first line of 64, and the last 8 of each half line behind
// it.
inline Image bordered() {
  Image image = sample();
  Buffer& filled = image.buffers[4];
  filled.first = 3;
  filled.slot = -1;
  filled.border = {{.offset = 0, .bytes = 64},
                   {.offset = 88, .bytes = 8, .repeats = {{3, 64}, {2, 32}}}};
  return image;
}

// The sample with a state: y holds x from its beginning, as a launch of its own copies it.
inline Image stateful() {
  Image image = sample();
  image.symbols.push_back({.name = "room_of_x"});
  image.symbols.push_back({.name = "room_of_y"});
  image.outputs[0].shape[0] =
      binary(image.outputs[0].shape[0], Extent::Op::kAdd, Extent::constant(1));
  image.buffers[0].bytes = times(symbol(2), 16);
  image.buffers[1].bytes = times(symbol(3), 16);
  image.commands.push_back({.kernel = 1, .buffers = {0, 1}, .origin = {"x"}});
  image.states = {{.input = 0,
                   .output = 0,
                   .axis = 0,
                   .input_capacity = 2,
                   .output_capacity = 3,
                   .copies = {4}}};
  return image;
}

}  // namespace rlx::image
