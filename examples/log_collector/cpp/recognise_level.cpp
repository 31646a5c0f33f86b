#include "recognise.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace logs {
namespace {

constexpr std::size_t kHead = 200;  // bytes of a line that are looked at

constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kLevels = {{
    {"TRACE", "DEBUG"},
    {"DEBUG", "DEBUG"},
    {"INFO", "INFO"},
    {"NOTICE", "INFO"},
    {"WARN", "WARNING"},
    {"WARNING", "WARNING"},
    {"ERR", "ERROR"},
    {"ERROR", "ERROR"},
    {"SEVERE", "ERROR"},
    {"CRIT", "CRITICAL"},
    {"CRITICAL", "CRITICAL"},
    {"FATAL", "CRITICAL"},
    {"ALERT", "CRITICAL"},
    {"EMERG", "CRITICAL"},
    {"EMERGENCY", "CRITICAL"},
    {"PANIC", "CRITICAL"},
    {"INFORMATION", "INFO"},
}};
constexpr std::array<std::string_view, 4> kFieldStarts = {"level=", "level=\"", "level\":\"",
                                                          "level\": \""};

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// The level that `word` names, or an empty view. Sets `capitals` where it is written in capitals.
std::string_view level_of(std::string_view word, bool& capitals) {
  for (const auto& [name, level] : kLevels) {
    if (word.size() != name.size()) continue;
    bool same = true;
    for (std::size_t i = 0; same && i < word.size(); ++i) same = upper(word[i]) == name[i];
    if (!same) continue;
    capitals = word == name;
    return level;
  }
  return {};
}

bool ends_like_field(std::string_view before) {
  for (const std::string_view start : kFieldStarts)
    if (before.ends_with(start)) return true;
  return false;
}

/// Whether the text around a level's word makes it the level of the line.
bool counts(std::string_view before, std::string_view after, bool capitals) {
  const bool alone_before = before.empty() || is_blank(before.back());
  const char next = after.empty() ? ' ' : after[0];
  const auto one_of = [](char c, std::string_view set) {
    return set.find(c) != std::string_view::npos;
  };
  if (!before.empty() && one_of(before.back(), "[<(:") && one_of(next, "]>)")) return true;
  if (alone_before && next == ':') return true;
  if (alone_before && is_blank(next) && capitals) return true;
  return ends_like_field(before);
}

}  // namespace

std::string_view find_level(std::string_view line) {
  const std::string_view head = line.substr(0, kHead);
  for (std::size_t begin = 0; begin < head.size();) {
    if (!is_word(head[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < head.size() && is_word(head[end])) ++end;
    bool capitals = false;
    const std::string_view level = level_of(head.substr(begin, end - begin), capitals);
    if (!level.empty() && counts(head.substr(0, begin), head.substr(end), capitals)) return level;
    begin = end;
  }
  return "INFO";
}

}  // namespace logs
