#include "os/module.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <span>

#include "os/demangle.hpp"

namespace shoal::os {
namespace {

std::span<const ElfW(Phdr)> headers(const dl_phdr_info& info) {
  return {info.dlpi_phdr, info.dlpi_phnum};
}

bool holds_code(const dl_phdr_info& info, std::uint64_t offset) {
  for (const auto& header : headers(info)) {
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0 && offset >= header.p_vaddr &&
        offset - header.p_vaddr < header.p_memsz) {
      return true;
    }
  }
  return false;
}

std::size_t rounded_up(std::size_t size, std::size_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

// The description of the note "GNU" of type NT_GNU_BUILD_ID in one segment of notes.
BuildId find_build_id(std::span<const std::byte> notes, std::size_t alignment) {
  constexpr std::array<char, 4> kGnu{'G', 'N', 'U', '\0'};
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note{};
    std::memcpy(&note, notes.data(), sizeof note);
    const std::size_t name_at = sizeof note;
    const std::size_t value_at = rounded_up(name_at + note.n_namesz, alignment);
    const std::size_t end = rounded_up(value_at + note.n_descsz, alignment);
    if (value_at + note.n_descsz > notes.size()) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == kGnu.size() &&
        std::memcmp(notes.data() + name_at, kGnu.data(), kGnu.size()) == 0) {
      BuildId id(note.n_descsz);  // copied by hand: GCC 12 misjudges the range constructor
      std::memcpy(id.data(), notes.data() + value_at, id.size());
      return id;
    }
    notes = notes.subspan(std::min(end, notes.size()));
  }
  return {};
}

BuildId build_id_of(const dl_phdr_info& info) {
  for (const auto& header : headers(info)) {
    if (header.p_type != PT_NOTE) continue;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how modules are described
    const auto* start = reinterpret_cast<const std::byte*>(info.dlpi_addr + header.p_vaddr);
    const std::size_t alignment = header.p_align == 8 ? 8 : 4;
    BuildId found = find_build_id({start, header.p_memsz}, alignment);
    if (!found.empty()) return found;
  }
  return {};
}

std::string program_path() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "the program";
}

// Calls `visit` with each module until it returns true.
template <class Visit>
void for_each_module(Visit visit) {
  ::dl_iterate_phdr([](dl_phdr_info* info, std::size_t,
                       void* context) { return (*static_cast<Visit*>(context))(*info) ? 1 : 0; },
                    &visit);
}

}  // namespace

std::optional<CodePlace> find_place(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  std::optional<CodePlace> place;
  for_each_module([&](const dl_phdr_info& info) {
    const std::uint64_t offset = number - info.dlpi_addr;
    if (number < info.dlpi_addr || !holds_code(info, offset)) return false;
    const bool named = info.dlpi_name != nullptr && *info.dlpi_name != '\0';
    place = CodePlace{named ? info.dlpi_name : program_path(), build_id_of(info), offset};
    return true;
  });
  return place;
}

Found find_address(const BuildId& build_id, std::uint64_t offset, const void*& address) {
  auto found = Found::kNoModule;
  for_each_module([&](const dl_phdr_info& info) {
    if (build_id_of(info) != build_id) return false;
    found = holds_code(info, offset) ? Found::kYes : Found::kNoCode;
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    address = reinterpret_cast<const void*>(info.dlpi_addr + offset);
    return true;
  });
  return found;
}

std::string type_name(const std::type_info& type) { return demangled(type.name()); }

const std::type_info* current_exception_type() noexcept {
  return abi::__cxa_current_exception_type();
}

}  // namespace shoal::os
