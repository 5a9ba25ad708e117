// The image: what runs. One flat, position-independent file per variant and target; the runtime reads this
// and nothing else. In memory it is this plain struct; encode() and decode() are its bytes
// (cache-format/image.md), decode() verifies everything, so that a decoded Image can be run as it is.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "support/digest.h"
#include "support/dtype.h"
#include "support/hash.h"
#include "support/result.h"

namespace rlx::image {

// An integer expression over the symbols in postfix: pairs of (operation, operand).
struct Extent {
  // The numbers are those of the file, here and in every enum below.
  enum class Op : int64_t {
    kConst = 0,
    kSymbol = 1,
    kAdd = 2,
    kSub = 3,
    kMul = 4,
    kFloorDiv = 5,
    kMod = 6,
    kMin = 7,
    kMax = 8,
    kEq = 9,
    kLe = 10
  };
  struct Step {
    Op op = Op::kConst;
    // The constant or the symbol's index; else 0.
    int64_t operand = 0;

    bool operator==(const Step&) const = default;
  };

  Vec<Step> steps = {};

  static Extent constant(int64_t value) { return {{{Op::kConst, value}}}; }
  bool operator==(const Extent&) const = default;
};

// How many values an expression may hold at once while it is evaluated.
inline constexpr size_t kMaxExtentDepth = 256;

// nullopt on overflow, a divisor that is not positive or a symbol that is kUntold. `symbols` by index.
std::optional<int64_t> evaluate(const Extent& e, const Vec<int64_t>& symbols);
// Leaves exactly one value, knows its operations and symbols.
bool well_formed(const Extent& e, size_t symbols);

// The value of a symbol that no command has told yet.
inline constexpr int64_t kUntold = INT64_MIN;

struct Symbol {
  std::string name = {};
  // The input and axis whose extent is the value; -1: told by a command, or else given by the caller.
  int32_t input = -1;
  int32_t axis = -1;
  // In place of the axis: which element e of that input gives the value, max(sign * e, 0); else -1.
  int32_t element = -1;
  int32_t sign = 1;
  int64_t min = 0, max = INT64_MAX, multiple_of = 1;

  bool operator==(const Symbol&) const = default;
};

// An input or output as the user sees it: row-major, dense but for the room of a state.
struct Tensor {
  std::string name = {};
  DType dtype = DType::kF32;
  Vec<Extent> shape = {};
  uint32_t buffer = 0;

  bool operator==(const Tensor&) const = default;
};

// An output that holds an input from its beginning along an axis. Their buffers have room for more along it: as much as
// two symbols say, of which each is the extent where input and output are the caller's own tensors. Where the output is
// fed back to the input both are one memory with one capacity, and the commands that copy the one into the other are
// nothing to do.
struct State {
  // Into Image::inputs and outputs: tensors of one type but for the extent along the axis.
  uint32_t input = 0, output = 0;
  uint32_t axis = 0;
  // Symbols that no tensor's shape names.
  uint32_t input_capacity = 0, output_capacity = 0;
  // Launches.
  Vec<uint32_t> copies = {};

  bool operator==(const State&) const = default;
};

// Equal runs of a buffer's bytes: one at `offset`, and again wherever the repeats lead.
struct BorderRun {
  struct Repeat {
    int64_t count = 1, step = 0;

    bool operator==(const Repeat&) const = default;
  };

  int64_t offset = 0, bytes = 0;
  // Outermost first; what is inside of a repeat ends before its next step.
  Vec<Repeat> repeats = {};

  bool operator==(const BorderRun&) const = default;
};

// Bytes that commands read and write. Every buffer is 64-byte aligned.
struct Buffer {
  enum class Kind : uint8_t { kInput = 0, kOutput = 1, kArena = 2, kConstant = 3 };

  Kind kind = Kind::kArena;
  Extent bytes = {};
  // kArena: live from the start of command `first` to the end of command `last`; buffers of one slot >= 0
  // share memory for good (same size and fill) and are shared with no others.
  uint32_t first = 0, last = 0;
  int32_t slot = -1;
  // What the whole buffer holds before the first run: `pattern` repeated; empty: anything. An arena
  // buffer with a pattern has memory of its own, as if it were the only one of a slot, but for one with a border; an
  // output's is written before each run.
  std::string pattern = {};
  // kConstant: `bytes` at `offset` of the blob with this digest.
  Digest blob = {};
  int64_t offset = 0;
  // kArena, of a size that is a number, with a pattern: what of it holds the pattern, from its first command on, which is
  // a fill. It shares memory as those without a pattern do.
  Vec<BorderRun> border = {};

  // Whether it holds its pattern from before the first run on.
  bool keeps_pattern() const { return !pattern.empty() && border.empty(); }
  bool operator==(const Buffer&) const = default;
};

// predicate != 0 or the run is an error that says `text` (exit 5).
struct Guard {
  Extent predicate = {};
  std::string text = {};
  std::string node = {};
  // The first of a block: asked where control comes there. 0: before the run.
  uint32_t command = 0;

  bool operator==(const Guard&) const = default;
};

// Where a kernel can find the user's data wrong: "index out of range" on axis of that extent.
struct Site {
  std::string node = {};
  std::string text = {};

  bool operator==(const Site&) const = default;
};

// One function of the code blob:
//   void(void* const* buffers, const int64_t* symbols, int64_t first, int64_t last, void* scratch)
// runs tiles [first, last) of 0..tiles. Tiles are independent. scratch is 64-byte aligned, private to the
// thread, `scratch` bytes, and begins with a Trap that the caller zeroes.
struct Kernel {
  std::string name = {};
  uint64_t entry = 0;
  Extent tiles = {};
  Extent scratch = {};
  Vec<Site> sites = {};

  bool operator==(const Kernel&) const = default;
};

// Written by a kernel at the start of scratch when an index is out of range: the last one stays.
struct Trap {
  // Index into sites, plus 1; 0: none.
  int64_t site = 0;
  int64_t value = 0;
  int64_t extent = 0;
};
inline constexpr int64_t kTrapBytes = 64;

// What a command tells of a symbol.
struct Told {
  uint32_t symbol = 0;
  // Which of the command's buffers, of i64, has the element e that gives the value, max(sign * e, 0); where the sign is
  // 0, the element itself, which must not be negative.
  uint32_t buffer = 0;
  uint32_t element = 0;
  int32_t sign = 0;

  bool operator==(const Told&) const = default;
};

// Commands are a tree, written in the order in which control may come to them: a command that chooses what runs next
// owns blocks of those behind it.
struct Command {
  enum class Kind : uint8_t {
    kLaunch = 0,
    kCopy = 1,
    kFill = 2,
    kIf = 3,
    kLoop = 4,
    kTell = 5,
    kGive = 6
  };

  Kind kind = Kind::kLaunch;
  // kLaunch
  uint32_t kernel = 0;
  // kLaunch: the function's buffers, in order. kCopy: to, from (same bytes). kFill: the buffer, which then
  // holds its pattern, in its border if it has one: who waits for nothing may write
  // the rest meanwhile. kIf: the condition, a byte: the first block runs where it is not 0, else the second.
  // kLoop: the most trips (i64), the condition of the first one, the number of the trip (i64) and the condition, both
  // written before each trip, and the condition of the next one, which its block writes; then pairs of a slice, which the
  // block writes too, and the buffer where the slices of all trips come to lie one behind the other. kTell: what is read.
  // kGive: to, from; to gets memory for what lies in from, whatever its size says, and holds it from here on. So do the
  // slices of a loop whose number is told.
  Vec<uint32_t> buffers = {};
  // Earlier commands that must have ended: those that make what this one reads, and those that use what
  // it overwrites. That placement gives the memory of one buffer to another is not told here, the runtime
  // sees to that. Of a block that has ended none, but the command that owns it. What a block's owner waits for, the block
  // does too.
  Vec<uint32_t> waits = {};
  // kIf and kLoop: where each of its blocks ends, the command behind its last one. The first begins with the next command, each
  // other where the one before ends.
  Vec<uint32_t> ends = {};
  // kTell: the symbols that have their values from here on. Buffers whose sizes speak of them hold nothing across it.
  Vec<Told> told = {};
  // kGive: how many bytes; else none.
  Vec<Extent> room = {};
  // Device and stream; one of each today.
  uint16_t device = 0, stream = 0;
  // The source model's nodes.
  Vec<std::string> origin = {};

  bool operator==(const Command&) const = default;
};

struct Image {
  // The target's text and the ISA features (LLVM's names) that the code uses.
  std::string target = {};
  Vec<std::string> isa = {};
  // Of all that the code was made from, which is everything here but the constants' bytes: images of one
  // code key have the same code.
  Digest code_key = {};
  Vec<Symbol> symbols = {};
  Vec<Tensor> inputs = {}, outputs = {};
  Vec<State> states = {};
  Vec<Buffer> buffers = {};
  Vec<Guard> guards = {};
  Vec<Kernel> kernels = {};
  Vec<Command> commands = {};
  // Position-independent machine code with its constants, no imports, no relocations; 64-byte aligned.
  std::string code = {};

  bool operator==(const Image&) const = default;
};

std::string encode(const Image& image);
// Rejects what is damaged, of another version, or fails verify(). Time and memory stay proportional to the
// bytes. Whatever it accepts encodes to the same bytes again.
Result<Image> decode(Bytes bytes);
// What an image must be to run (the list stands in verify.cpp), but for the code, which is trusted.
Status verify(const Image& image);
// A readable listing: --emit=image.
std::string to_text(const Image& image);
// "2 * batch + 1".
std::string to_text(const Extent& e, const Vec<Symbol>& symbols);
std::string_view name(Command::Kind kind);

// By symbol: whether it is a capacity of a state, and so no dim of the model.
Vec<bool> capacities(const Image& image);

// By command: whether a block begins with it, and whether one has ended before it.
struct BlockEdges {
  Vec<bool> begins, ended;
};
BlockEdges block_edges(const Image& image);

// Where arena buffers lie once the symbols are known.
struct Placement {
  // By buffer; -1 for buffers outside the arena.
  Vec<int64_t> offsets;
  // Sizes in bytes of every buffer; -1 where it has none for these dims: one of a block that cannot run then.
  Vec<int64_t> bytes;
  int64_t arena_bytes = 0;
};

// Greedy by size over lifetimes; slots get their own memory. Offsets are multiples of 64, and buffers that
// lie side by side differ in their offsets modulo 4096. Error 5xxx where an extent cannot be evaluated of a buffer that
// is not some block's alone, 11xxx where memory is out of range.
Result<Placement> place(const Image& image, const Vec<int64_t>& symbols);

}  // namespace rlx::image
