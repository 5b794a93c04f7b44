/** As in sysexits.h. Whoever runs Kiln may start it again after all of them but a wrong command line and bad data. */
export const EXIT = { usage: 64, unavailable: 69, diskFailed: 74, diskFull: 75, badData: 78 } as const;
