/** Something is missing and cannot be installed from here; the message says what a person can type. */
export class Unprepared extends Error {}
