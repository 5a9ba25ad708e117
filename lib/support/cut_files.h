// Mapped files that are cut short while they are used: the system answers a read behind their new end
// with SIGBUS.
#pragma once

#include "support/hash.h"

namespace rlx {

// Bytes of a file that are mapped, as long as this lives.
class MappedRange {
 public:
  enum class IfCut : uint8_t {
    // Reads give zeros, and was_cut() says so: for who looks again before the bytes count.
    kZeros,
    // There is no going on.
    kEnd,
  };

  MappedRange() = default;
  // Ranges beyond a few hundred at once are not watched.
  MappedRange(Bytes bytes, IfCut if_cut);
  MappedRange(MappedRange&& other) noexcept;
  MappedRange& operator=(MappedRange&& other) noexcept;
  ~MappedRange();

  bool was_cut() const;

 private:
  int slot_ = -1;
};

// For a handler of SIGBUS: what is at the address.
enum class CutFile : uint8_t {
  // No watched file.
  kNone,
  // Zeros are there now, and the instruction can run again.
  kFilled,
  kEnd,
};
CutFile handle_cut_file(const void* address);

// How many were filled with zeros since the process began.
int cut_files();

}  // namespace rlx
