// Runs a kernel over dense buffers, slowly and plainly: constant folding and the tests' second
// opinion. It follows the same order of reductions and the same expansions as the backends, so
// folding equals running, bit for bit.
#pragma once
#include "kernel/kernel.h"

namespace rlx {

// One buffer per Kernel::args, laid out by its Storage (padding included), large enough for the
// symbols' values. A checked index outside of its axis is an error (5xxx) that names the node and
// the value.
Status interpret(const Kernel& k, const std::map<std::string, int64_t>& symbols,
                 const Vec<std::span<std::byte>>& buffers);

// Bytes of an argument's buffer with these symbols.
int64_t buffer_bytes(const Arg& arg, const std::map<std::string, int64_t>& symbols);

// Copies between a dense row-major tensor and a storage; padding and halo get the fill (0 without
// one). How constants are packed at compile time.
Status pack(std::span<const std::byte> dense, std::span<std::byte> packed, DType dtype,
            const Vec<int64_t>& shape, const Storage& storage);
Status unpack(std::span<const std::byte> packed, std::span<std::byte> dense, DType dtype,
              const Vec<int64_t>& shape, const Storage& storage);

}  // namespace rlx
