// The menu: what a backend can do with a kernel, before any code is made. A pure function of the kernel and
// the target; plan/ chooses, the choice stands in the LIR, the backend emits exactly that or refuses.
#pragma once
#include "kernel/kernel.h"
#include "target/cost.h"
#include "target/target.h"

namespace rlx {

// What was chosen for one kernel.
struct Choice {
  // Of the backend's table of algorithms; "loops" runs every kernel.
  std::string algorithm = "loops";
  // Meaning is the algorithm's: rows and columns of the register tile.
  Vec<int64_t> tile = {};

  bool operator==(const Choice&) const = default;
};

// What an algorithm needs of one argument. Nobody may give it anything else: plan/ copies the value where
// its storage does not meet the need, and the backend refuses what it did not ask for.
struct Need {
  enum class Kind : uint8_t {
    kAny,
    // Addresses are affine in the indexes: Storage::is_plain().
    kPlain,
    // As `storage` says; more halo and padding do no harm.
    kLike,
    // A result may lie anywhere; `storage` is how it is written best.
    kPrefers,
  };

  Kind kind = Kind::kAny;
  Storage storage = {};

  static Need plain() { return {Kind::kPlain, {}}; }
  static Need like(Storage s) { return {Kind::kLike, std::move(s)}; }
  static Need prefers(Storage s) { return {Kind::kPrefers, std::move(s)}; }

  bool is_met_by(const Storage& have) const;
  // The storage to make for it where none is there yet, of a value of that rank.
  Storage wanted(int rank) const;
  bool operator==(const Need&) const = default;
};

struct Alternative {
  Choice choice;
  // One per Kernel::args. Alternatives that take any storage come last.
  Vec<Need> needs;
  // Of the kernel run so, its operands lying as needed.
  Cost cost = {};
  // Whether each element is written once, when nothing that its grid point has to read is still to be read: a
  // result may then lie where an operand does (plan/in_place.h says which).
  bool writes_once = false;
  // Whether the result has the bits that the kernel's text says. Another row states its bound in docs/numerics.md,
  // and is offered only where all of the kernel's products are relaxed (Stage::relaxed).
  bool exact = true;
};

// Never empty: "loops" runs every kernel whose kinds the backend knows. An error names the stage and what the
// backend lacks (4xxx).
using Menu = Result<Vec<Alternative>> (*)(const Kernel&, const Target&);

// The first of those that cost least.
const Alternative& cheapest(const Vec<Alternative>& menu);

// The row of the menu with that algorithm whose needs the kernel's storages meet, and that writes once where the
// kernel writes to memory that it reads; null: none. Tiles may
// differ: a plan for another target has that target's.
const Alternative* find_alternative(const Vec<Alternative>& menu, const Kernel& k,
                                    const std::string& algorithm);

struct PlannedKernel {
  Kernel kernel;
  Choice choice;
};

}  // namespace rlx
