import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { convert, type TextFormat, type TreeNode, treeBytes, upload } from '../../test/fixtures/uploads.ts';
import { measure } from '../measure.ts';

// What real tools wrote, from body to pprof; the binary forms are made of the same stacks.
const java = corpus('java-collapsed.txt');
for (const [format, name, body] of [
  ['groups', 'java-collapsed', java],
  ['groups', 'linux-perf', corpus('linux-perf-folded.txt')],
  ['groups', 'python', corpus('python-folded.txt')],
  ['lines', 'java-collapsed', java],
  ['tree', 'java-collapsed', treeBytes(treeOf(java, (frame) => frame))],
  ['trie', 'java-collapsed', treeBytes(treeOf(java, (frame, depth) => (depth === 0 ? frame : `;${frame}`)))],
  ['speedscope', 'python', corpus('python-speedscope.json')],
] as const satisfies readonly (readonly [TextFormat, string, Buffer])[]) {
  const work = { count: body.length / 1024, unit: 'KiB' };
  measure(`text-profiles/${format} ${name}`, work, () => convert({ ...upload(format, body), format }));
}

function corpus(name: string): Buffer {
  return gunzipSync(readFileSync(new URL(`../../test/data/corpus/${name}.gz`, import.meta.url)));
}

type Node = { value: number; readonly children: Map<string, Node> };

/** The tree of folded stacks. @param nameOf  what a node of a frame is called */
function treeOf(folded: Buffer, nameOf: (frame: string, depth: number) => string): TreeNode {
  const root: Node = { value: 0, children: new Map() };
  for (const line of folded.toString().split('\n')) {
    const blank = line.lastIndexOf(' ');
    if (blank === -1) continue;
    let node = root;
    for (const [depth, frame] of line.slice(0, blank).split(';').entries()) {
      const name = nameOf(frame, depth);
      const child = node.children.get(name) ?? { value: 0, children: new Map() };
      node.children.set(name, child);
      node = child;
    }
    node.value += Number(line.slice(blank + 1));
  }
  return nodeOf('', root);
}

function nodeOf(name: string, { value, children }: Node): TreeNode {
  return [name, value, ...Array.from(children, ([childName, child]) => nodeOf(childName, child))];
}
