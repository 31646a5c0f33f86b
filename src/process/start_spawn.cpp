#include "os/socket.hpp"
#include "os/spawn.hpp"
#include "process/child.hpp"
#include "process/entry.hpp"
#include "process/parcel.hpp"
#include "process/start.hpp"

namespace shoal::process {

std::shared_ptr<Started> start_by_spawn(const Birth& birth, const detail::Target& target) {
  require_init(birth.name, "spawn");
  auto [mine, its] = os::socket_pair();
  const Parcel parcel = pack(birth, target, its.get());
  std::vector<int> kept = parcel.fds;
  kept.push_back(parcel.file.get());
  kept.push_back(its.get());
  const int pid =
      os::spawn_self({program_name(), kChildMarker + std::to_string(parcel.file.get())}, kept);
  return adopt(pid, std::move(mine));
}

void enter_spawned(os::Fd file) {
  Unpacked parcel = unpack(file);
  file.reset();
  std::vector<os::Fd> fds;
  for (const int fd : parcel.fds) {
    os::close_on_exec(fd);
    fds.emplace_back(fd);
  }
  os::close_on_exec(parcel.line);
  Beginning beginning{parcel.birth, os::Fd(parcel.line), nullptr};
  run_child(std::move(beginning), [&] {
    auto target = make_target(parcel, parcel.fds);
    fds.clear();
    parcel = {};
    return target;
  });
}

}  // namespace shoal::process
