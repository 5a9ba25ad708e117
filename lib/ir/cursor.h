// A place in a text that is being read, for the parsers of the text forms.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "ir/codes.h"
#include "support/result.h"

namespace rlx {

// Of a lower-case hexadecimal digit; -1 for what is none.
int hex_value(char c);

// Blanks before a token are skipped; comments (from // to the end of the line) only by skip_comments,
// as // is a division in Dims.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool done();
  void skip_comments();
  // Takes the token if it comes next; a word only where it ends there.
  bool eat(std::string_view token);
  // The same of a token on this line: of one that the next line may begin with, in another sense.
  bool eat_here(std::string_view token);
  bool next_is(std::string_view token);
  // The next character, '\0' at the end.
  char peek();
  // [A-Za-z_][A-Za-z0-9_]*, or empty.
  std::string_view word();
  // The longest run of characters that are letters, digits or in `extra`, or empty.
  std::string_view run_of(std::string_view extra);
  // Without a sign; nullopt where none comes next or it is above 2^64 - 1.
  std::optional<uint64_t> natural();
  Result<int64_t> integer();
  // What `quoted` makes.
  Result<std::string> string();
  // An error unless the token comes next.
  Status expect(std::string_view token);
  // "line 3, column 7: ...".
  Error error(std::string_view what) const;

 private:
  void skip_blanks();

  std::string_view text_;
  size_t at_ = 0;
};

// In double quotes, with \" \\ \n \t \r and \xNN for other control characters.
std::string quoted(std::string_view s);

}  // namespace rlx
