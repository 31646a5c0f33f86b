#include "pickle/old_names.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace shoal::pickle {

namespace {
struct Moved {
  std::string_view module;
  std::string_view name;  // empty: the whole module
  std::string_view new_module;
  std::string_view new_name;
};

constexpr std::array kMoved = {
    Moved{"__builtin__", "xrange", "builtins", "range"},
    Moved{"__builtin__", "unicode", "builtins", "str"},
    Moved{"__builtin__", "long", "builtins", "int"},
    Moved{"__builtin__", "unichr", "builtins", "chr"},
    Moved{"__builtin__", "reduce", "functools", "reduce"},
    Moved{"__builtin__", "intern", "sys", "intern"},
    Moved{"itertools", "izip", "builtins", "zip"},
    Moved{"itertools", "imap", "builtins", "map"},
    Moved{"itertools", "ifilter", "builtins", "filter"},
    Moved{"UserDict", "UserDict", "collections", "UserDict"},
    Moved{"UserList", "UserList", "collections", "UserList"},
    Moved{"UserString", "UserString", "collections", "UserString"},
    Moved{"exceptions", "StandardError", "builtins", "Exception"},
    Moved{"__builtin__", "", "builtins", ""},
    Moved{"exceptions", "", "builtins", ""},
    Moved{"copy_reg", "", "copyreg", ""},
    Moved{"Queue", "", "queue", ""},
    Moved{"cPickle", "", "pickle", ""},
    Moved{"thread", "", "_thread", ""},
    Moved{"urlparse", "", "urllib.parse", ""},
};
}  // namespace

void rename_for_python3(Global& global) {
  const auto* const moved = std::find_if(kMoved.begin(), kMoved.end(), [&](const Moved& entry) {
    return entry.module == global.module && (entry.name.empty() || entry.name == global.name);
  });
  if (moved == kMoved.end()) return;
  global.module = moved->new_module;
  if (!moved->new_name.empty()) global.name = moved->new_name;
}

}  // namespace shoal::pickle
