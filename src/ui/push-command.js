// What to type to push a profile by hand.

/** @param address of the page @param tenant empty: there is only one */
export function pushCommand(address, tenant) {
  const url = new URL('ingest?name=my-service&format=pprof', address.split(/[?#]/)[0]);
  const header = tenant === '' ? '' : ` -H ${quoted(`X-Scope-OrgID: ${tenant}`)}`;
  return `curl${header} --data-binary @cpu.pb.gz ${quoted(url.href)}`;
}

/** As one word of a shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
