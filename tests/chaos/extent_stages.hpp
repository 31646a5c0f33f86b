// Rings with large items, loans and views as operations find them, and as survivors are to find
// them.
#pragma once

#include "extent_model.hpp"

namespace shoal::chaos {

using Prepare = std::function<void(World&)>;

[[noreturn]] void die();

void holds(World& world, const std::vector<std::uint64_t>& sizes);
/// Extents that were used, and are free.
void with_free_ones(World& world, std::size_t count);
void lent_to_the_dead(World& world, std::uint64_t bytes = kFar);
void viewed_by_the_dead(World& world);
void put_by_the_dead(World& world, const Item& item);
/// A consumer died when it was the owner of the first item's extent, before it moved the head.
void nearly_taken_by_the_dead(World& world);
/// A producer died between its last commit and the tail's store.
void uncounted(World& world);
/// A producer died just before its commit: its extent has the number of an item to come.
void nearly_put_by_the_dead(World& world);
/// A producer died before its extent had memory.
void without_memory_by_the_dead(World& world);
/// One of each kind, which the next to look for an extent has to tell from each other.
void after_many_deaths(World& world);
/// By items of a page each; one is free then, of a size that does not serve.
void all_in_use(World& world, bool but_one);
void lent_is_unchanged(const World& world);
/// What others have meanwhile stays what it was; when they have given it back, the ring is small.
void all_that_is_to_be(World& world);
void the_item_is_there_or_not(World& world);
void at_most_the_head_was_taken(World& world);
void nothing_has_changed(World& world);

/// The operations of extent_operations.cpp that put.
std::vector<Operation> extent_puts();

}  // namespace shoal::chaos
