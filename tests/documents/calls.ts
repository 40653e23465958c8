// A client that openapi-generator made, against the demo: node calls.mjs URL.
import { Configuration, MarketDataApi, ResponseError } from "client";

const api = new MarketDataApi(new Configuration({ basePath: process.argv[2] }));
const quote = await api.getQuote({ symbol: "AAPL" });
if (!(quote.bid! > 0) || !(quote.timestamp instanceof Date)) throw new Error(JSON.stringify(quote));
const problem = await api.getQuote({ symbol: "BADSYM" }).catch((error: ResponseError) => error.response.json());
if ((problem as { code: string }).code !== "contract_not_found") throw new Error(JSON.stringify(problem));
