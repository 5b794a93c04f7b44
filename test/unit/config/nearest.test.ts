import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { editDistance, nearest } from '#src/config/nearest.ts';

describe('editDistance', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['port', 'prt', 1],
    ['same', 'same', 0],
  ] as const) {
    test(`takes ${distance} from "${a}" to "${b}"`, () => equal(editDistance(a, b), distance));
  }
});

describe('nearest', () => {
  test('is the closest candidate', () => {
    equal(nearest('log.levle', ['log.format', 'log.level', 'target']), 'log.level');
  });

  test('has the words that were typed, and as few others as can be', () => {
    const ports = ['server.http-listen-address', 'server.grpc-listen-port', 'server.http-listen-port'];
    equal(nearest('server.http-port', ports), 'server.http-listen-port');
    equal(nearest('http-port', ports), 'server.http-listen-port');
    equal(nearest('grpc_port', ports), 'server.grpc-listen-port');
    equal(
      nearest('storage.dir', ['storage.filesystem.dir.mode', 'storage.filesystem.dir', 'log.level']),
      'storage.filesystem.dir',
    );
    equal(nearest('KILN_HTTP_PORT', ['KILN_SERVER_HTTP_LISTEN_PORT']), 'KILN_SERVER_HTTP_LISTEN_PORT');
    equal(nearest('http-prt', ports), undefined);
    equal(nearest('https-port', ports), undefined);
  });

  test('letters count before words', () => {
    equal(nearest('log.leve', ['log.leve.of-something', 'log.level']), 'log.level');
  });

  test('is nothing when all are far', () => {
    equal(nearest('memberlist.join', ['log.level', 'target', 'data-dir']), undefined);
    equal(nearest('x', []), undefined);
  });
});
