#include "support/cut_files.h"

#include <array>
#include <atomic>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace rlx {
namespace {

// Read by a signal handler, hence no locks: a slot is taken before its range is filled in, and its
// size, written last, says that it counts.
struct Slot {
  std::atomic<bool> taken = false;
  std::atomic<uintptr_t> begin = 0;
  std::atomic<size_t> size = 0;
  std::atomic<bool> zeros = false;
  std::atomic<bool> cut = false;
};

std::array<Slot, 512> slots;
std::atomic<int> filled = 0;

// From the page of the address to the end of the range.
bool fill_with_zeros(uintptr_t address, uintptr_t end) {
  auto page = static_cast<uintptr_t>(::getpagesize());
  const uintptr_t begin = address / page * page;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the address of a page.
  void* made = ::mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  return made != MAP_FAILED;
}

}  // namespace

MappedRange::MappedRange(Bytes bytes, IfCut if_cut) {
  if (bytes.empty()) return;
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    if (slot.taken.exchange(true)) continue;
    slot.begin = reinterpret_cast<uintptr_t>(bytes.data());
    slot.zeros = if_cut == IfCut::kZeros;
    slot.cut = false;
    slot.size = bytes.size();
    slot_ = static_cast<int>(i);
    return;
  }
}

MappedRange::MappedRange(MappedRange&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

MappedRange& MappedRange::operator=(MappedRange&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

MappedRange::~MappedRange() {
  if (slot_ < 0) return;
  Slot& slot = slots[static_cast<size_t>(slot_)];
  slot.size = 0;
  slot.taken = false;
}

bool MappedRange::was_cut() const {
  return slot_ >= 0 && slots[static_cast<size_t>(slot_)].cut.load();
}

CutFile handle_cut_file(const void* address) {
  auto at = reinterpret_cast<uintptr_t>(address);
  for (Slot& slot : slots) {
    const uintptr_t begin = slot.begin;
    const size_t size = slot.size;
    if (size == 0 || at < begin || at - begin >= size) continue;
    if (!slot.zeros || !fill_with_zeros(at, begin + size)) return CutFile::kEnd;
    slot.cut = true;
    ++filled;
    return CutFile::kFilled;
  }
  return CutFile::kNone;
}

int cut_files() { return filled; }

}  // namespace rlx
