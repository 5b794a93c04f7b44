/**
 * SHA-256 of the native binaries in uws-pack 20.0.8, by platform, architecture and ABI of Node. They are those of
 * uWebSockets.js, which is not on npm.
 */
export const uwsDigests: ReadonlyMap<string, string> = new Map([
  ['linux_x64_127', '8cabc918bbf9a07323e54f89a33882491080b2eb35df0607f473ccdb1f3c31af'],
  ['linux_arm64_127', 'd4c4f8b2c28c5f6544b49e36d91b0beee238a5b90a07904a947f77061c8b814d'],
]);
