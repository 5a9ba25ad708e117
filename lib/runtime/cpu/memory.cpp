#include "runtime/cpu/memory.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/big_pages.h"
#include "support/codes.h"
#include "support/memory.h"
#include "support/populate.h"

namespace rlx::runtime::cpu {
namespace {

constexpr std::byte kNan{0xff};

size_t page_size() {
  static const auto size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

bool all_nan(const std::byte* from, const std::byte* to) {
  return std::all_of(from, to, [](std::byte b) { return b == kNan; });
}

}  // namespace

Result<Mapping> Mapping::make(size_t bytes, std::string_view what) {
  Mapping mapping;
  mapping.size_ = round_up(std::max(bytes, size_t{1}), page_size());
  void* data = mmap(nullptr, mapping.size_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    mapping.size_ = 0;
    return no_memory_for(what, bytes);
  }
  mapping.data_ = static_cast<std::byte*>(data);
  return mapping;
}

// Page by page a first run would spend more time on them than on its kernels.
Result<Mapping> Mapping::make_filled(size_t bytes, std::string_view what) {
  if (bytes < kFewForBigPages) return make(bytes, what);
  Mapping mapping;
  const size_t size = round_up(bytes, kBigPage);
  mapping.data_ = map_big_pages(size);
  if (mapping.data_ == nullptr) return no_memory_for(what, bytes);
  mapping.size_ = size;
  // Threads that touch such pages at the same time wait for each other, and for the last one a whole start does
  // (docs/design/017-starts.md).
  populate_for_writing({mapping.data_, size});
  return mapping;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, size_);
}

bool Mapping::protect(size_t offset, size_t bytes, int protection) const {
  return mprotect(data_ + offset, bytes, protection) == 0;
}

Result<GuardedBlock> GuardedBlock::make(size_t bytes) {
  const size_t page = page_size();
  const size_t room = round_up(bytes, page);
  GuardedBlock block;
  RLX_TRY(block.mapping_, Mapping::make(room + 2 * page));
  std::memset(block.mapping_.data() + page, static_cast<int>(kNan), room);
  block.data_ = block.mapping_.data() + page + room - round_up(bytes, kAlignment);
  block.size_ = bytes;
  const bool fenced = block.mapping_.protect(0, page, PROT_NONE) &&
                      block.mapping_.protect(page + room, page, PROT_NONE);
  if (!fenced) return Error(kOutOfMemory, "cannot protect memory");
  return block;
}

void GuardedBlock::fill_with_nan() const { std::memset(data_, static_cast<int>(kNan), size_); }

void GuardedBlock::forbid_writing() const {
  const size_t page = page_size();
  RLX_CHECK(mapping_.protect(page, mapping_.size() - 2 * page, PROT_READ));
}

void GuardedBlock::allow_writing() const {
  const size_t page = page_size();
  RLX_CHECK(mapping_.protect(page, mapping_.size() - 2 * page, PROT_READ | PROT_WRITE));
}

bool GuardedBlock::is_intact() const {
  const size_t page = page_size();
  return all_nan(mapping_.data() + page, data_) &&
         all_nan(data_ + size_, mapping_.data() + mapping_.size() - page);
}

void fill_with_pattern(std::span<std::byte> to, std::string_view pattern, size_t phase) {
  if (pattern.find_first_not_of(pattern[0]) == std::string_view::npos) {
    std::memset(to.data(), pattern[0], to.size());
    return;
  }
  size_t done = std::min(to.size(), pattern.size());
  for (size_t i = 0; i < done; ++i) {
    to[i] = static_cast<std::byte>(pattern[(phase + i) % pattern.size()]);
  }
  // What is there, whole patterns, doubles.
  for (size_t next = 0; done < to.size(); done += next) {
    next = std::min(done, to.size() - done);
    std::memcpy(to.data() + done, to.data(), next);
  }
}

}  // namespace rlx::runtime::cpu
