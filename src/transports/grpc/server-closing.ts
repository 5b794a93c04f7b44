import { StoreError } from '#src/domain/errors.ts';

/** Why calls end that could last for ever, as the server closes. Made once, so that they know it from other reasons. */
export const SERVER_CLOSING = new StoreError('unavailable', 'the server is closing');
