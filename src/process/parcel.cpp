#include "process/parcel.hpp"

#include <limits>
#include <shoal/codec.hpp>
#include <shoal/error.hpp>
#include <tuple>

#include "os/memory.hpp"
#include "os/module.hpp"
#include "os/spawn.hpp"
#include "process/function.hpp"
#include "shm/shipment.hpp"

namespace shoal::process {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kParts = 6;
constexpr int kLastStandardStream = 2;

using Told = std::tuple<std::string, bool, std::vector<std::uint32_t>, StartMethod, os::TaskWord,
                        std::string>;

void encode_birth(pickle::Encoder& encoder, const Birth& birth) {
  encode(encoder, std::tie(birth.name, birth.daemon, birth.identity, birth.method, birth.parent,
                           birth.parent_name));
}

Birth decode_birth(const Object& object) {
  auto [name, daemon, identity, method, parent, parent_name] = decode<Told>(object);
  return {std::move(name), daemon, std::move(identity), method, parent, std::move(parent_name)};
}

// A registered function is entered by its name, everything else by the place of its entry.
void encode_entry(pickle::Encoder& encoder, const detail::Target& target) {
  const auto* known = find_registered(target.function());
  if (known != nullptr && known->enter != nullptr) return encoder.str(known->name);
  const auto entry = target.entry();
  if (entry == nullptr) return encoder.none();  // encode_call says which part is to blame
  FunctionRef::of(reinterpret_cast<const void*>(entry)).encode(encoder);
}

detail::EnterFunction decode_entry(const Object& object) {
  if (const auto* name = object.get_if<std::string>()) {
    const auto* known = find_registered(*name);
    if (known != nullptr && known->enter != nullptr) return known->enter;
    throw ProcessError("no function is registered here as '" + *name +
                       "'; SHOAL_REGISTER it at namespace scope, or before shoal::init");
  }
  const void* address = FunctionRef::decode(object).resolve();
  return reinterpret_cast<detail::EnterFunction>(const_cast<void*>(address));
}

void encode_call(pickle::Encoder& encoder, const detail::Target& target, const Birth& birth) {
  std::size_t part = 0;
  const std::string start = "cannot start " + birth.name + ": ";
  try {
    target.encode(encoder, part);
  } catch (const ProcessError& error) {
    throw ProcessError(start + error.what());
  } catch (const PickleError& error) {
    const auto where = part == 0 ? "the target" : "argument " + std::to_string(part);
    throw PickleError(start + where + ": " + error.what());
  }
}

}  // namespace

Parcel pack(const Birth& birth, const detail::Target& target, int line) {
  Parcel parcel;
  shm::Shipment& shipment = parcel.shipment;
  ByteBuffer bytes;
  const std::string what = "the arguments of " + birth.name;
  {
    const shm::Shipment::Scope scope(shipment);
    pickle::Encoder encoder(bytes);
    encoder.begin_tuple();
    encoder.unsigned_integer(kVersion);
    encode_birth(encoder, birth);
    encode_call(encoder, target, birth);
    encode_entry(encoder, target);
    encoder.integer(line);
    parcel.fds = shipment.fds();
    for (int& fd : parcel.fds) {
      if (fd > kLastStandardStream) continue;
      parcel.moved.push_back(os::duplicate(fd, what.c_str()));
      fd = parcel.moved.back().get();
    }
    encode(encoder, parcel.fds);
    encoder.end_tuple();
    encoder.finish();
  }
  parcel.file = os::create_memory_file("shoal-start");
  os::take_memory(parcel.file, 0, bytes.size(), what);
  os::write_at_start(parcel.file, bytes.view(), what);
  return parcel;
}

Unpacked unpack(const os::Fd& file) {
  const auto bytes = os::read_all(file, "the arguments of this process");
  constexpr pickle::Limits kTrusted{.memory = std::numeric_limits<std::size_t>::max()};
  const Object all = pickle::load(bytes, kTrusted);
  const auto* parts = all.get_if<Tuple>();
  if (parts == nullptr || parts->items.size() != kParts ||
      decode<std::uint32_t>(parts->items[0]) != kVersion) {
    throw ProcessError("this process was started by another version of shoal");
  }
  const auto& items = parts->items;
  return {decode_birth(items[1]), items[3], items[2], decode<int>(items[4]),
          decode<std::vector<int>>(items[5])};
}

std::unique_ptr<detail::Target> make_target(const Unpacked& parcel, std::vector<int> fds) {
  shm::Shipment shipment(std::move(fds));
  const shm::Shipment::Scope scope(shipment);
  return decode_entry(parcel.entry)(parcel.call);
}

}  // namespace shoal::process
