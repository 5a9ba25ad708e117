// What a command tells: symbols read from memory and checked, and the guards that can be asked then.
#pragma once
#include "image/told.h"

namespace rlx::runtime::cpu {

class ToldSymbols {
 public:
  explicit ToldSymbols(const image::Image& image);

  const image::ToldGroups& groups() const { return groups_; }
  // Sets the symbols that the command tells; whether any has another value than before. Errors 5xxx where a value is
  // out of range, 8xxx where its buffer is too small.
  Result<bool> read(uint32_t command, const Vec<void*>& pointers, const image::Placement& placement,
                    Vec<int64_t>& symbols) const;
  // Of the blocks around the command: what they need of what is told now.
  Status check_guards(uint32_t command, const Vec<int64_t>& symbols) const;

 private:
  Result<int64_t> value_of(const image::Command& command, const image::Told& told,
                           const Vec<void*>& pointers, const image::Placement& placement) const;
  void note_guards();

  const image::Image& image_;
  image::ToldGroups groups_;
  // By command that tells.
  std::map<uint32_t, Vec<uint32_t>> guards_;
};

}  // namespace rlx::runtime::cpu
