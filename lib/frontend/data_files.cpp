#include "frontend/data_files.h"

#include <algorithm>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "ir/dim.h"

namespace rlx {
namespace {

bool stays_inside(std::string_view location) {
  if (location.empty() || location.front() == '/' ||
      location.find('\0') != std::string_view::npos) {
    return false;
  }
  for (size_t begin = 0; begin <= location.size();) {
    const size_t end = std::min(location.find('/', begin), location.size());
    if (location.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

std::optional<int64_t> byte_size(DType dtype, const Vec<int64_t>& shape) {
  int64_t elements = 1;
  bool empty = false;
  for (const int64_t d : shape) {
    if (d < 0 || d > kMostBytes) return std::nullopt;
    empty |= d == 0;
    if (d != 0 && (__builtin_mul_overflow(elements, d, &elements) || elements > kMostBytes)) {
      return std::nullopt;
    }
  }
  const int64_t size = bytes_of(dtype, elements);
  if (size > kMostBytes) return std::nullopt;
  return empty ? 0 : size;
}

bool can_hold(DType dtype, Bytes bytes) {
  if (dtype != DType::kBool) return true;
  return std::ranges::all_of(bytes, [](std::byte b) { return b <= std::byte{1}; });
}

std::string folder_of_model(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::shared_ptr<const MappedFile>> open_beside(const std::string& folder,
                                                      std::string_view location) {
  if (!stays_inside(location)) {
    return Error(kExternalData, fmt::format("data outside of the model's folder: \"{}\"", location),
                 "name a file in the model's folder, by its path from there");
  }
  if (folder.empty()) return Error(kExternalData, "a model in memory has no external data");
  auto file = MappedFile::open(folder + "/" + std::string(location));
  if (file) return file;
  return Error(kExternalData, file.error().first().message,
               "keep the model's data files beside it");
}

}  // namespace rlx
