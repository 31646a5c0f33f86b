#include "recognise.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

namespace logs {
namespace {

constexpr std::size_t kHead = 100;  // bytes of a line that are looked at
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Moment {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, microsecond = 0;
  std::optional<int> offset = {};  // of the clock from UTC, in seconds
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Reads a text from the left; what does not match leaves it where it was.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool skip(std::string_view what) {
    if (!text_.starts_with(what)) return false;
    text_.remove_prefix(what.size());
    return true;
  }
  bool skip_one_of(std::string_view characters) {
    if (text_.empty() || characters.find(text_[0]) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool number(std::size_t digits, int& value) {
    if (text_.size() < digits) return false;
    int sum = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_digit(text_[i])) return false;
      sum = sum * 10 + (text_[i] - '0');
    }
    value = sum;
    text_.remove_prefix(digits);
    return true;
  }
  bool month(int& value) {
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
      if (skip(kMonths[i])) {
        value = static_cast<int>(i) + 1;
        return true;
      }
    }
    return false;
  }
  bool clock(Moment& m) {  // 23:52:54
    return number(2, m.hour) && skip(":") && number(2, m.minute) && skip(":") &&
           number(2, m.second);
  }
  [[nodiscard]] bool at_word() const { return !text_.empty() && is_alnum(text_[0]); }
  [[nodiscard]] bool at_digit() const { return !text_.empty() && is_digit(text_[0]); }

 private:
  std::string_view text_;
};

// .123 or ,123456: digits beyond the sixth are dropped.
void read_fraction(Cursor& cursor, Moment& m) {
  Cursor ahead = cursor;
  if (!ahead.skip_one_of(".,") || !ahead.at_digit()) return;
  int digit = 0;
  for (int unit = 100000; ahead.number(1, digit); unit /= 10) m.microsecond += digit * unit;
  cursor = ahead;
}

// Z, UTC, +0100 or +01:00, also after a space.
void read_offset(Cursor cursor, Moment& m) {
  static_cast<void>(cursor.skip(" "));
  if (cursor.skip("Z") || cursor.skip("UTC")) {
    if (!cursor.at_word()) m.offset = 0;
    return;
  }
  const bool west = cursor.skip("-");
  if (!west && !cursor.skip("+")) return;
  int hours = 0;
  int minutes = 0;
  if (!cursor.number(2, hours)) return;
  static_cast<void>(cursor.skip(":"));
  if (!cursor.number(2, minutes) || cursor.at_word() || hours > 23 || minutes > 59) return;
  m.offset = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

std::optional<Moment> iso_at(std::string_view text) {
  Moment m;
  Cursor cursor(text);
  if (!cursor.number(4, m.year)) return std::nullopt;
  const std::string_view separator = cursor.skip("-") ? "-" : "/";
  if (separator == "/" && !cursor.skip("/")) return std::nullopt;
  if (!cursor.number(2, m.month) || !cursor.skip(separator) || !cursor.number(2, m.day))
    return std::nullopt;
  if (!cursor.skip("T") && !cursor.skip("  ") && !cursor.skip(" ")) return std::nullopt;
  if (!cursor.clock(m)) return std::nullopt;
  read_fraction(cursor, m);
  read_offset(cursor, m);
  return m;
}

std::optional<Moment> syslog_at(std::string_view text, int year, int month) {
  Moment m;
  Cursor cursor(text);
  if (!cursor.month(m.month) || !cursor.skip(" ")) return std::nullopt;
  if (!cursor.number(2, m.day) && !(cursor.skip(" ") && cursor.number(1, m.day)))
    return std::nullopt;
  if (!cursor.skip(" ") || !cursor.clock(m)) return std::nullopt;
  m.year = m.month > month ? year - 1 : year;
  return m;
}

std::optional<Moment> web_at(std::string_view text) {
  Moment m;
  Cursor cursor(text);
  if (!cursor.skip("[") || !cursor.number(2, m.day) || !cursor.skip("/") ||
      !cursor.month(m.month) || !cursor.skip("/") || !cursor.number(4, m.year) ||
      !cursor.skip(":") || !cursor.clock(m))
    return std::nullopt;
  read_offset(cursor, m);
  return m;
}

/// The leftmost place where `match` succeeds; a digit does not begin in the middle of a number.
template <class Match>
std::optional<Moment> search(std::string_view head, Match match) {
  for (std::size_t at = 0; at < head.size(); ++at) {
    if (at > 0 && is_digit(head[at]) && is_digit(head[at - 1])) continue;
    if (std::optional<Moment> found = match(head.substr(at))) return found;
  }
  return std::nullopt;
}

std::string format(const Moment& m) {
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", m.year, m.month, m.day,
                                 m.hour, m.minute, m.second);
  if (m.microsecond != 0) text += fmt::format(".{:06}", m.microsecond);
  return text;
}

/// As local time; nothing where there is no such moment.
std::optional<std::string> to_text(const Moment& m) {
  using namespace std::chrono;
  const year_month_day date{year(m.year), month(static_cast<unsigned>(m.month)),
                            day(static_cast<unsigned>(m.day))};
  if (m.year < 1970 || m.year > 9998 || !date.ok() || m.hour > 23 || m.minute > 59 || m.second > 59)
    return std::nullopt;
  if (!m.offset) return format(m);
  const auto moment =
      sys_days(date) + hours(m.hour) + minutes(m.minute) + seconds(m.second) - seconds(*m.offset);
  return local_time(duration_cast<seconds>(moment.time_since_epoch()).count(), m.microsecond);
}

std::tm local_fields(std::time_t seconds) {
  std::tm fields{};
  ::localtime_r(&seconds, &fields);
  return fields;
}

}  // namespace

std::string local_time(std::time_t seconds, int microseconds) {
  const std::tm fields = local_fields(seconds);
  return format({.year = fields.tm_year + 1900,
                 .month = fields.tm_mon + 1,
                 .day = fields.tm_mday,
                 .hour = fields.tm_hour,
                 .minute = fields.tm_min,
                 .second = fields.tm_sec,
                 .microsecond = microseconds});
}

std::string now() {
  using namespace std::chrono;
  const auto since = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  return local_time(since / 1'000'000, static_cast<int>(since % 1'000'000));
}

Timestamps::Timestamps(std::time_t modified)
    : year_(local_fields(modified).tm_year + 1900),
      month_(local_fields(modified).tm_mon + 1),
      last_(local_time(modified)) {}

const std::string& Timestamps::next(std::string_view line) {
  const std::string_view head = line.substr(0, kHead);
  std::optional<Moment> moment = search(head, iso_at);
  if (!moment) moment = syslog_at(head, year_, month_);
  if (!moment) moment = search(head, web_at);
  if (moment)
    if (std::optional<std::string> text = to_text(*moment)) last_ = *std::move(text);
  return last_;
}

}  // namespace logs
