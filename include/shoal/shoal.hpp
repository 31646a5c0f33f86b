// shoal: Python's multiprocessing for C++, sharing its objects with Python.
#pragma once

#include <shoal/codec.hpp>
#include <shoal/error.hpp>
#include <shoal/init.hpp>
#include <shoal/lock.hpp>
#include <shoal/object.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <shoal/wait.hpp>
