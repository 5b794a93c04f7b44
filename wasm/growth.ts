/** Slots from which on memory counts for more than time. */
const LARGE: u32 = 1 << 20;

/** How many slots a full table gets: four times as many while it is small, which saves half of the copying, then twice. */
export function larger(slots: u32): u32 {
  return slots < LARGE ? slots << 2 : slots << 1;
}
