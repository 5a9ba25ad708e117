// Items in the order in which they came, that are also found by what they say.
#pragma once
#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "support/result.h"

namespace rlx {

// T::key() gives a T::Key, which has hash() and ==. Of items with one key the first is found. Keys of items
// that stand in the list change through change_each() only.
template <class T>
class KeyedList {
 public:
  using Key = typename T::Key;

  void push_back(T item) {
    at_.emplace(item.key(), items_.size());
    items_.push_back(std::move(item));
  }

  // Null: none.
  const T* find(const Key& key) const {
    const auto found = at_.find(key);
    return found == at_.end() ? nullptr : &items_[found->second];
  }
  T* find(const Key& key) { return const_cast<T*>(std::as_const(*this).find(key)); }

  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  const T& operator[](size_t i) const { return items_[i]; }
  const T& back() const { return items_.back(); }
  T& back() { return items_.back(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  void clear() { *this = KeyedList(); }

  // How many it erases: those for which `is_gone(item)`, asked once and in order.
  template <class Predicate>
  size_t erase_if(const Predicate& is_gone) {
    const size_t erased = std::erase_if(items_, is_gone);
    if (erased > 0) index();
    return erased;
  }

  // Calls change(item) for each in order.
  template <class Change>
  void change_each(const Change& change) {
    std::for_each(items_.begin(), items_.end(), change);
    index();
  }

 private:
  struct Hash {
    size_t operator()(const Key& key) const { return key.hash(); }
  };

  void index() {
    at_.clear();
    for (size_t i = 0; i < items_.size(); ++i) at_.emplace(items_[i].key(), i);
  }

  Vec<T> items_;
  std::unordered_map<Key, size_t, Hash> at_;
};

}  // namespace rlx
