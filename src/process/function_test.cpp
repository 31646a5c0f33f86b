#include "process/function.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <shoal/codec.hpp>
#include <shoal/error.hpp>
#include <shoal/process.hpp>

namespace shoal::process {
namespace {

int twice(int value) { return 2 * value; }
int thrice(int value) { return 3 * value; }

// As it arrives at another process.
Object sent(const FunctionRef& reference) {
  ByteBuffer bytes;
  pickle::Encoder encoder(bytes);
  reference.encode(encoder);
  encoder.finish();
  return pickle::load(bytes.view());
}

const void* address(int (*function)(int)) { return reinterpret_cast<const void*>(function); }

TEST(FunctionRef, leads_back_to_the_function) {
  const auto reference = FunctionRef::decode(sent(FunctionRef::of(address(twice))));
  EXPECT_EQ(reference.resolve(), address(twice));
  EXPECT_FALSE(reference.place().build_id.empty());
}

TEST(FunctionRef, leads_into_a_library) {
  const auto* function = reinterpret_cast<const void*>(&::getenv);
  EXPECT_EQ(FunctionRef::of(function).resolve(), function);
}

TEST(FunctionRef, refuses_code_that_lies_in_no_module) {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_THROW(FunctionRef::of(page), ProcessError);
  EXPECT_THROW(FunctionRef::of(nullptr), ProcessError);
  ::munmap(page, 4096);
}

TEST(FunctionRef, refuses_what_is_no_code) {
  static int data = 0;
  EXPECT_THROW(FunctionRef::of(&data), ProcessError);
}

std::string error_of(const Object& object) {
  try {
    static_cast<void>(FunctionRef::decode(object).resolve());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(FunctionRef, names_a_module_that_is_not_loaded) {
  const Object object(Tuple{{Object(Bytes(20)), Object(16), Object("/lib/plugin.so")}});
  EXPECT_NE(error_of(object).find("a function of /lib/plugin.so is not here"), std::string::npos);
}

TEST(FunctionRef, refuses_a_place_outside_the_code) {
  const auto good = FunctionRef::of(address(twice)).place();
  const Object object(Tuple{{Object(good.build_id), Object(1LL << 40), Object("module")}});
  EXPECT_NE(error_of(object).find("no function at offset"), std::string::npos);
}

TEST(FunctionRef, refuses_values_that_are_none) {
  EXPECT_NE(error_of(Object(5)), "");
  EXPECT_NE(error_of(Object(Tuple{{Object(5), Object("x"), Object()}})), "");
}

TEST(RegisteredFunction, is_found_by_name_and_by_address) {
  EXPECT_TRUE(register_function("twice", twice));
  EXPECT_TRUE(register_function("twice", &twice));
  const void* function = address(twice);
  ASSERT_NE(find_registered("twice"), nullptr);
  EXPECT_EQ(find_registered({&function, sizeof function})->name, "twice");
  EXPECT_EQ(find_registered("half"), nullptr);
}

TEST(RegisteredFunction, keeps_its_name_to_itself) {
  register_function("thrice", thrice);
  EXPECT_THROW(register_function("thrice", twice), std::invalid_argument);
  EXPECT_THROW(register_function("", twice), std::invalid_argument);
}

// This program's main does not call shoal::init.
TEST(Process, tells_which_line_to_add_when_main_did_not_call_init) {
  for (const auto method : {StartMethod::spawn, StartMethod::forkserver}) {
    Process process({.name = "Worker-1", .start_method = method}, [] {});
    try {
      process.start();
      FAIL() << "it started";
    } catch (const ProcessError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find("Worker-1"), std::string::npos) << what;
      EXPECT_NE(what.find("call shoal::init(argc, argv) first in main"), std::string::npos) << what;
    }
  }
}

TEST(Process, needs_no_init_for_fork) {
  Process process([] {});
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

}  // namespace
}  // namespace shoal::process
