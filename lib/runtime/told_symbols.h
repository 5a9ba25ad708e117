// What a command tells: symbols read from memory and checked, and the guards that can be asked then.
#pragma once
#include <functional>

#include "image/told.h"

namespace rlx::runtime {

// The i64 at that many bytes of a buffer, wherever that lies.
using ReadI64 = std::function<Result<int64_t>(uint32_t buffer, int64_t offset)>;

class ToldSymbols {
 public:
  explicit ToldSymbols(const image::Image& image);

  const image::ToldExtents& extents() const { return extents_; }
  // Nothing is told, and nothing that is told has a place.
  void forget(Vec<int64_t>& symbols, image::Placement& placement) const;
  // Sets the symbols that the command tells, and forgets those that are told behind it. Errors 5xxx where a value is out
  // of range, 8xxx where its buffer is too small.
  Status read(uint32_t command, const ReadI64& element, const image::Placement& placement,
              Vec<int64_t>& symbols) const;
  // What the command's block needs of what is told now.
  Status check_guards(uint32_t command, const Vec<int64_t>& symbols) const;

 private:
  Result<int64_t> value_of(const image::Command& command, const image::Told& told,
                           const ReadI64& element, const image::Placement& placement) const;
  void note_guards();

  const image::Image& image_;
  image::ToldExtents extents_;
  // By command that tells.
  std::map<uint32_t, Vec<uint32_t>> guards_;
};

}  // namespace rlx::runtime
