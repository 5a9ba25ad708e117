#include "runtime/io/zip.h"

#include <cstring>

#include <fmt/format.h>
#include <zlib.h>

#include "runtime/io/codes.h"
#include "support/memory.h"

namespace rlx {
namespace {

constexpr uint32_t kLocalMagic = 0x04034b50, kDirectoryMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr size_t kLocalSize = 30, kDirectorySize = 46, kEndSize = 22, kEnd64Size = 56,
                 kLocator64Size = 20;
// In a 16 or 32 bit field: the value stands in the zip64 field.
constexpr uint64_t kIn64 = 0xffffffff;
constexpr uint16_t kZip64Field = 1, kZip64Version = 45, kStoredVersion = 20;
// 1 January 1980, the first day that zip knows.
constexpr uint16_t kNoDate = 0x21;
constexpr uint16_t kStored = 0, kDeflated = 8;

Error broken_zip(const std::string& path, std::string_view what) {
  return Error(kBrokenTensorFile, fmt::format("{} is no valid zip archive: {}", path, what));
}

// ---- Reading ----------------------------------------------------------------------------------

template <class T>
T number(Bytes file, uint64_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

bool lies_within(Bytes file, uint64_t at, uint64_t size) {
  return at <= file.size() && size <= file.size() - at;
}

bool has_magic(Bytes file, uint64_t at, size_t size, uint32_t magic) {
  return lies_within(file, at, size) && number<uint32_t>(file, at) == magic;
}

struct Directory {
  uint64_t offset = 0, size = 0;
};

// The end record stands last, before a comment of at most 64 KiB.
std::optional<uint64_t> find_end(Bytes file) {
  if (file.size() < kEndSize) return std::nullopt;
  const uint64_t last = file.size() - kEndSize;
  for (uint64_t comment = 0; comment <= std::min<uint64_t>(last, 0xffff); ++comment) {
    uint64_t at = last - comment;
    if (number<uint32_t>(file, at) == kEndMagic && number<uint16_t>(file, at + 20) == comment) {
      return at;
    }
  }
  return std::nullopt;
}

Result<Directory> find_directory(Bytes file, const std::string& path) {
  auto end = find_end(file);
  if (!end) return broken_zip(path, "its directory is missing");
  Directory d{.offset = number<uint32_t>(file, *end + 16),
              .size = number<uint32_t>(file, *end + 12)};
  const bool has_locator = *end >= kLocator64Size &&
                           has_magic(file, *end - kLocator64Size, kLocator64Size, kLocator64Magic);
  if (has_locator) {
    auto end64 = number<uint64_t>(file, *end - kLocator64Size + 8);
    if (!has_magic(file, end64, kEnd64Size, kEnd64Magic)) {
      return broken_zip(path, "its zip64 directory is missing");
    }
    d = {.offset = number<uint64_t>(file, end64 + 48), .size = number<uint64_t>(file, end64 + 40)};
  }
  if (!lies_within(file, d.offset, d.size)) return broken_zip(path, "its directory is cut off");
  return d;
}

// A directory entry's sizes and offset, each of which may stand in the zip64 field.
struct Extents {
  uint64_t size = 0, packed = 0, offset = 0;
};

std::optional<Extents> wide_extents(Extents e, Bytes extra) {
  for (uint64_t at = 0; lies_within(extra, at, 4);) {
    auto tag = number<uint16_t>(extra, at);
    const uint64_t end = at + 4 + number<uint16_t>(extra, at + 2);
    at += 4;
    if (end > extra.size()) return std::nullopt;
    for (uint64_t* field : {&e.size, &e.packed, &e.offset}) {
      if (tag != kZip64Field || *field != kIn64) continue;
      if (at + 8 > end) return std::nullopt;
      *field = number<uint64_t>(extra, at);
      at += 8;
    }
    at = end;
  }
  return e;
}

// Names and extra fields lie before the data once more, with lengths of their own.
std::optional<Bytes> data_of(Bytes file, const Extents& e) {
  if (!has_magic(file, e.offset, kLocalSize, kLocalMagic)) return std::nullopt;
  const uint64_t begin = e.offset + kLocalSize + number<uint16_t>(file, e.offset + 26) +
                         number<uint16_t>(file, e.offset + 28);
  if (!lies_within(file, begin, e.packed)) return std::nullopt;
  return file.subspan(begin, e.packed);
}

// Reads the directory entry at `at` and moves on to the next.
Result<ZipEntry> read_entry(Bytes file, Bytes directory, uint64_t& at, const std::string& path) {
  if (!has_magic(directory, at, kDirectorySize, kDirectoryMagic)) {
    return broken_zip(path, "its directory is damaged");
  }
  auto flags = number<uint16_t>(directory, at + 8), method = number<uint16_t>(directory, at + 10);
  auto name_size = number<uint16_t>(directory, at + 28),
       extra_size = number<uint16_t>(directory, at + 30);
  const uint64_t whole =
      kDirectorySize + name_size + extra_size + number<uint16_t>(directory, at + 32);
  if (!lies_within(directory, at, whole)) return broken_zip(path, "its directory is cut off");
  const Bytes name = directory.subspan(at + kDirectorySize, name_size);
  ZipEntry entry{.name = std::string(reinterpret_cast<const char*>(name.data()), name.size()),
                 .deflated = method == kDeflated,
                 .crc = number<uint32_t>(directory, at + 16)};
  if ((flags & 1) != 0 || (method != kStored && method != kDeflated)) {
    return Error(kUnsupportedTensorFile,
                 fmt::format("{}: {} is encrypted or packed in an unknown way", path, entry.name));
  }
  auto extents = wide_extents({.size = number<uint32_t>(directory, at + 24),
                               .packed = number<uint32_t>(directory, at + 20),
                               .offset = number<uint32_t>(directory, at + 42)},
                              directory.subspan(at + kDirectorySize + name_size, extra_size));
  auto data = extents ? data_of(file, *extents) : std::nullopt;
  if (!data) return broken_zip(path, fmt::format("{} is damaged", entry.name));
  entry.packed = *data;
  entry.size = extents->size;
  at += whole;
  return entry;
}

// zlib counts in 32 bits, and so does this in steps.
bool inflate_all(Bytes from, std::string& to) {
  z_stream z{};
  constexpr int kRaw = -MAX_WBITS;
  if (inflateInit2(&z, kRaw) != Z_OK) return false;
  size_t read = 0, written = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    constexpr size_t kStep = size_t{1} << 30;
    z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data() + read));
    z.avail_in = static_cast<uInt>(std::min(kStep, from.size() - read));
    z.next_out = reinterpret_cast<Bytef*>(to.data() + written);
    z.avail_out = static_cast<uInt>(std::min(kStep, to.size() - written));
    const uInt in = z.avail_in, out = z.avail_out;
    state = inflate(&z, Z_NO_FLUSH);
    read += in - z.avail_in;
    written += out - z.avail_out;
    if (in == z.avail_in && out == z.avail_out && state == Z_OK) break;
  }
  inflateEnd(&z);
  return state == Z_STREAM_END && written == to.size();
}

uint32_t checksum(uint32_t crc, Bytes data) {
  // Without bytes there may be no pointer, and then crc32 starts anew.
  if (data.empty()) return crc;
  return static_cast<uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

// ---- Writing ----------------------------------------------------------------------------------

template <class... T>
void append(std::string& out, T... values) {
  (out.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
}

// Bit 11: the name is UTF-8; without it readers take it for code page 437.
uint16_t flags_of(std::string_view name) {
  const bool ascii =
      std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 128; });
  return ascii ? 0 : 1 << 11;
}

uint32_t narrow(uint64_t value) { return static_cast<uint32_t>(std::min(value, kIn64)); }

}  // namespace

Result<Vec<ZipEntry>> list_zip(Bytes file, const std::string& path) {
  RLX_TRY(const Directory d, find_directory(file, path));
  const Bytes directory = file.subspan(d.offset, d.size);
  Vec<ZipEntry> entries;
  uint64_t packed = 0;
  for (uint64_t at = 0; at < directory.size();) {
    RLX_TRY(ZipEntry entry, read_entry(file, directory, at, path));
    packed += entry.packed.size();
    // Many entries over the same bytes are a way to fill memory.
    if (packed > file.size()) return broken_zip(path, "its entries overlap");
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<Bytes> unpack(const ZipEntry& entry, const std::string& path, std::string& space) {
  // No byte of deflated data makes more than 1,032: what promises more is not worth its memory.
  constexpr uint64_t kMostExpansion = 1032;
  Error damaged = broken_zip(path, fmt::format("{} is damaged", entry.name));
  Bytes data = entry.packed;
  if (entry.deflated) {
    if (entry.size / kMostExpansion > entry.packed.size()) return damaged;
    RLX_TRY_VOID(check_memory(path + ": " + entry.name, entry.size));
    space.resize(entry.size);
    if (!inflate_all(entry.packed, space)) return damaged;
    data = bytes_of(space);
  }
  if (data.size() != entry.size || checksum(0, data) != entry.crc) return damaged;
  return data;
}

void ZipWriter::add(std::string_view name, std::initializer_list<Bytes> parts) {
  Written w{.name = std::string(name), .offset = out_.size()};
  for (const Bytes part : parts) {
    w.size += part.size();
    w.crc = checksum(w.crc, part);
  }
  const bool wide = w.size >= kIn64;
  append(out_, kLocalMagic, wide ? kZip64Version : kStoredVersion, flags_of(name), kStored,
         uint16_t{0}, kNoDate, w.crc, narrow(w.size), narrow(w.size),
         static_cast<uint16_t>(name.size()), static_cast<uint16_t>(wide ? 20 : 0));
  out_ += name;
  if (wide) append(out_, kZip64Field, uint16_t{16}, w.size, w.size);
  for (const Bytes part : parts) {
    out_.append(reinterpret_cast<const char*>(part.data()), part.size());
  }
  entries_.push_back(std::move(w));
}

void ZipWriter::add_directory_entry(const Written& w) {
  std::string wide;
  if (w.size >= kIn64) append(wide, w.size, w.size);
  if (w.offset >= kIn64) append(wide, w.offset);
  auto extra = static_cast<uint16_t>(wide.empty() ? 0 : wide.size() + 4);
  const uint16_t version = wide.empty() ? kStoredVersion : kZip64Version;
  append(out_, kDirectoryMagic, version, version, flags_of(w.name), kStored, uint16_t{0}, kNoDate,
         w.crc, narrow(w.size), narrow(w.size), static_cast<uint16_t>(w.name.size()), extra,
         uint16_t{0}, uint16_t{0}, uint16_t{0}, uint32_t{0}, narrow(w.offset));
  out_ += w.name;
  if (!wide.empty()) append(out_, kZip64Field, static_cast<uint16_t>(wide.size()));
  out_ += wide;
}

void ZipWriter::add_end(uint64_t directory) {
  constexpr uint64_t kIn64Count = 0xffff;
  const uint64_t end = out_.size(), size = end - directory, count = entries_.size();
  if (count >= kIn64Count || size >= kIn64 || directory >= kIn64) {
    append(out_, kEnd64Magic, uint64_t{kEnd64Size - 12}, kZip64Version, kZip64Version, uint32_t{0},
           uint32_t{0}, count, count, size, directory);
    append(out_, kLocator64Magic, uint32_t{0}, end, uint32_t{1});
  }
  auto narrow_count = static_cast<uint16_t>(std::min(count, kIn64Count));
  append(out_, kEndMagic, uint16_t{0}, uint16_t{0}, narrow_count, narrow_count, narrow(size),
         narrow(directory), uint16_t{0});
}

std::string ZipWriter::finish() {
  const uint64_t directory = out_.size();
  for (const Written& w : entries_) add_directory_entry(w);
  add_end(directory);
  return std::move(out_);
}

}  // namespace rlx
