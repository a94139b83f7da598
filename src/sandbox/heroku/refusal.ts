/** What the stand-in answers when Heroku would refuse: status, Heroku's error id and its words. */
export class Refusal extends Error {
  readonly status: number;
  readonly id: string;
  constructor(status: number, id: string, message: string) {
    super(message);
    this.status = status;
    this.id = id;
  }
}

export const notFound = (thing: string) => new Refusal(404, "not_found", `Couldn't find that ${thing}.`);
export const invalid = (message: string) => new Refusal(422, "invalid_params", message);
