// What a list of the form offers, and which of it is chosen.

/**
 * What somebody asked for stays chosen, though there is nothing of it: another one in its place would be taken for it.
 *
 * @param found      what there is, in order
 * @param wanted     what a link or an earlier choice names; empty: nothing
 * @param otherwise  what is chosen where nothing is wanted, if there is such; else the first
 * @returns `chosen` is empty when nothing is wanted and nothing is there
 */
export function choiceOf(found, wanted, otherwise) {
  if (wanted === '') return { offered: found, chosen: found.includes(otherwise) ? otherwise : (found[0] ?? '') };
  return { offered: found.includes(wanted) ? found : [wanted, ...found], chosen: wanted };
}
