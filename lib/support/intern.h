// Values that are held once: equal ones are one object, whose address stands for it.
//
// A table only grows and is never freed, so that addresses stay good for the whole process. Any number of
// threads may ask at once; none waits for another.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rlx {

// T is made of a Key, and value.holds(key) tells whether that key would make it.
template <class T, class Key>
class InternTable {
 public:
  constexpr InternTable() = default;

  const T* find_or_add(uint64_t hash, const Key& key) {
    std::atomic<const Entry*>& head = heads_[hash % kBuckets];
    const Entry* seen = head.load(std::memory_order_acquire);
    if (const T* found = find(seen, nullptr, hash, key)) return found;
    auto* added = new Entry{T(key), hash, seen};
    while (!head.compare_exchange_weak(added->next, added, std::memory_order_acq_rel)) {
      // What others have added since.
      if (const T* found = find(added->next, seen, hash, key)) {
        delete added;
        return found;
      }
      seen = added->next;
    }
    return &added->value;
  }

 private:
  struct Entry {
    T value;
    uint64_t hash;
    const Entry* next;
  };

  // Looks from `first` up to `end`, which it leaves out.
  static const T* find(const Entry* first, const Entry* end, uint64_t hash, const Key& key) {
    for (const Entry* e = first; e != end; e = e->next) {
      if (e->hash == hash && e->value.holds(key)) return &e->value;
    }
    return nullptr;
  }

  static constexpr size_t kBuckets = size_t{1} << 16;

  std::array<std::atomic<const Entry*>, kBuckets> heads_ = {};
};

}  // namespace rlx
