// One function a step, in the words of @stoqey/ib; each may return what cancels the subscription again.
"use strict";

const { SecType, MarketDataType, ScanCode } = require("@stoqey/ib");

const ACCOUNT = "DU1234567";
const stock = { symbol: "AAPL", secType: SecType.STK, exchange: "SMART", currency: "USD" };
const forex = { symbol: "EUR", secType: SecType.CASH, exchange: "IDEALPRO", currency: "USD" };
const index = { symbol: "SPX", secType: SecType.IND, exchange: "CBOE", currency: "USD" };

module.exports = function makeSteps(ib) {
  let nextId = 100;
  const found = {};
  const newId = () => ++nextId;
  ib.on("contractDetails", (_, details) => {
    const key = details.contract.symbol + (details.contract.right || "");
    found[key] = found[key] || details.contract.localSymbol;
  });

  ib.on("nextValidId", (id) => { found.orderId = Math.max(found.orderId || 0, id); });
  const place = (wanted, number) => {
    const id = number || found.orderId++;
    ib.placeOrder(id, stock, { action: "BUY", orderType: "LMT", totalQuantity: 100, tif: "DAY", transmit: true, ...wanted });
    return id;
  };
  ib.on("historicalNews", (_, time, provider, article) => { found.article = [provider, article]; });
  const option = () => ({ localSymbol: found.AAPLC, secType: SecType.OPT, exchange: "SMART", currency: "USD" });

  // A subscription: request with a fresh id, and cancel it afterwards.
  const subscribe = (request, cancel) => () => {
    const id = newId();
    request(id);
    return cancel && (() => cancel(id));
  };
  const line = (contract, generic = "") =>
    subscribe((id) => ib.reqMktData(id, contract(), generic, false, false), (id) => ib.cancelMktData(id));

  const history = (contract, duration, size, what, { epoch = false, keep = false } = {}) =>
    subscribe(
      (id) => ib.reqHistoricalData(id, contract, "", duration, size, what, 1, epoch ? 2 : 1, keep),
      keep && ((id) => ib.cancelHistoricalData(id)));
  const ticks = (what) =>
    subscribe((id) => ib.reqHistoricalTicks(id, stock, "", "20260612 20:00:00 UTC", 50, what, 1, true));

  const tickByTick = (kind, before = 0) =>
    subscribe((id) => ib.reqTickByTickData(id, stock, kind, before, false), (id) => ib.cancelTickByTickData(id));
  const depth = (contract, smart) =>
    subscribe((id) => ib.reqMktDepth(id, contract(), 5, smart), (id) => ib.cancelMktDepth(id, smart));

  return {
    reqCurrentTime: () => { ib.reqCurrentTime(); },
    reqIds: () => { ib.reqIds(); },
    reqManagedAccts: () => { ib.reqManagedAccts(); },
    reqOpenOrders: () => { ib.reqOpenOrders(); },
    reqAllOpenOrders: () => { ib.reqAllOpenOrders(); },
    reqMarketRule: () => { ib.reqMarketRule(32); },
    reqCompletedOrders: () => { ib.reqCompletedOrders(false); },
    requestFA: () => { ib.requestFA(1); },
    reqGlobalCancel: () => { ib.reqGlobalCancel(); },
    reqPositions: () => { ib.reqPositions(); return () => ib.cancelPositions(); },
    reqAccountUpdates: () => { ib.reqAccountUpdates(true, ACCOUNT); return () => ib.reqAccountUpdates(false, ACCOUNT); },
    reqAccountSummary: subscribe(
      (id) => ib.reqAccountSummary(id, "All", "NetLiquidation,BuyingPower,$LEDGER:ALL"),
      (id) => ib.cancelAccountSummary(id)),
    reqPositionsMulti: subscribe((id) => ib.reqPositionsMulti(id, ACCOUNT, ""), (id) => ib.cancelPositionsMulti(id)),
    reqAccountUpdatesMulti: subscribe(
      (id) => ib.reqAccountUpdatesMulti(id, ACCOUNT, "", false),
      (id) => ib.cancelAccountUpdatesMulti(id)),
    reqPnL: subscribe((id) => ib.reqPnL(id, ACCOUNT, ""), (id) => ib.cancelPnL(id)),
    reqPnLSingle: subscribe((id) => ib.reqPnLSingle(id, ACCOUNT, "", 265598), (id) => ib.cancelPnLSingle(id)),
    reqContractDetails: () => {
      ib.reqContractDetails(newId(), { ...stock, secType: SecType.OPT, strike: 230, right: "C" });
      ib.reqContractDetails(newId(), forex);
      ib.reqContractDetails(newId(), { symbol: "ES", secType: SecType.FUT, exchange: "CME", currency: "USD" });
    },
    "reqContractDetails unknown": subscribe((id) => ib.reqContractDetails(id, { ...stock, symbol: "NOSUCH" })),
    reqMatchingSymbols: subscribe((id) => ib.reqMatchingSymbols(id, "AAP")),
    reqSecDefOptParams: subscribe((id) => ib.reqSecDefOptParams(id, "AAPL", "", "STK", 265598)),
    reqUserInfo: subscribe((id) => ib.reqUserInfo(id)),
    "reqMktData stock": line(() => stock),
    "reqMktData future": line(() => ({ localSymbol: found.ES, secType: SecType.FUT, exchange: "CME", currency: "USD" })),
    "reqMktData forex": line(() => forex),
    "reqMktData index": line(() => index),
    "reqMktData option": line(option),
    "reqMktData generic": line(() => stock, "100,101,104,105,106,165,221,225,233,236,258,293,294,295,318,375,411,456,595"),
    "reqMktData news": line(() => stock, "mdoff,292:BRFG"),
    calculateImpliedVolatility: subscribe((id) => ib.calculateImpliedVolatility(id, option(), 9.5, 228)),
    calculateOptionPrice: subscribe((id) => ib.calculateOptionPrice(id, option(), 0.3, 228)),
    "reqMktData snapshot": subscribe((id) => ib.reqMktData(id, stock, "", true, false)),
    "reqMktData delayed": () => {
      ib.reqMarketDataType(MarketDataType.DELAYED);
      const cancel = line(() => ({ ...stock, symbol: "DELAY" }))();
      return () => { cancel(); ib.reqMarketDataType(MarketDataType.REALTIME); };
    },
    "reqMktData refused": subscribe((id) => ib.reqMktData(id, { ...stock, symbol: "NOSUB" }, "", false, false)),
    "cancelMktData unknown": () => { ib.cancelMktData(99999); },
    "reqHistoricalData days": history(stock, "5 D", "1 day", "TRADES"),
    "reqHistoricalData minutes": history(stock, "3600 S", "5 mins", "TRADES", { epoch: true }),
    "reqHistoricalData midpoint": history(forex, "2 D", "1 hour", "MIDPOINT"),
    "reqHistoricalData updates": history(stock, "2 D", "1 min", "TRADES", { keep: true }),
    "reqHistoricalData schedule": history(stock, "5 D", "1 day", "SCHEDULE"),
    "reqHistoricalData nothing": history(forex, "5 D", "1 day", "TRADES"),
    "cancelHistoricalData unknown": () => { ib.cancelHistoricalData(99999); },
    reqHeadTimeStamp: subscribe((id) => ib.reqHeadTimestamp(id, stock, "TRADES", true, 1)),
    "reqHistoricalTicks last": ticks("TRADES"),
    "reqHistoricalTicks quotes": ticks("BID_ASK"),
    "reqHistoricalTicks midpoint": ticks("MIDPOINT"),
    reqHistogramData: subscribe((id) => ib.reqHistogramData(id, stock, true, 3, "DAY")),
    reqRealTimeBars: subscribe((id) => ib.reqRealTimeBars(id, stock, 5, "TRADES", false), (id) => ib.cancelRealTimeBars(id)),
    "reqTickByTickData Last": tickByTick("Last"),
    "reqTickByTickData AllLast": tickByTick("AllLast", 5),
    "reqTickByTickData BidAsk": tickByTick("BidAsk"),
    "reqTickByTickData MidPoint": tickByTick("MidPoint"),
    "reqTickByTickData refused": subscribe((id) => ib.reqTickByTickData(id, forex, "Last", 0, false)),
    "reqMktDepth future": depth(() => ({ localSymbol: found.ES, secType: SecType.FUT, exchange: "CME", currency: "USD" }), false),
    "reqMktDepth smart": depth(() => stock, true),
    "reqMktDepth refused": subscribe((id) => ib.reqMktDepth(id, index, 5, false)),
    reqMktDepthExchanges: () => { ib.reqMktDepthExchanges(); },
    reqSmartComponents: subscribe((id) => ib.reqSmartComponents(id, "9c0001")),
    reqFamilyCodes: () => { ib.reqFamilyCodes(); },
    queryDisplayGroups: subscribe((id) => ib.queryDisplayGroups(id)),
    reqNewsProviders: () => { ib.reqNewsProviders(); },
    reqHistoricalNews: subscribe((id) => ib.reqHistoricalNews(id, 265598, "BRFG+DJ-N", "", "", 5)),
    reqNewsArticle: subscribe((id) => ib.reqNewsArticle(id, ...found.article)),
    reqNewsBulletins: () => { ib.reqNewsBulletins(true); return () => ib.cancelNewsBulletins(); },
    reqScannerParameters: () => { ib.reqScannerParameters(); },
    reqScannerSubscription: subscribe(
      (id) => ib.reqScannerSubscription(id, { instrument: "STK", locationCode: "STK.US.MAJOR", scanCode: ScanCode.TOP_PERC_GAIN }),
      (id) => ib.cancelScannerSubscription(id)),
    reqSoftDollarTiers: subscribe((id) => ib.reqSoftDollarTiers(id)),
    reqFundamentalData: subscribe((id) => ib.reqFundamentalData(id, stock, "ReportSnapshot")),
    reqWshMetaData: subscribe((id) => ib.reqWshMetaData(id)),
    "placeOrder limit": () => { found.order = place({ lmtPrice: 150 }); },
    "placeOrder modified": () => { place({ lmtPrice: 151 }, found.order); },
    cancelOrder: () => { ib.cancelOrder(found.order); },
    "placeOrder market": () => { place({ orderType: "MKT", totalQuantity: 10 }); },
    "placeOrder bracket": () => {
      const parentId = place({ lmtPrice: 150, transmit: false });
      place({ action: "SELL", lmtPrice: 300, parentId, transmit: false });
      place({ action: "SELL", orderType: "STP", auxPrice: 100, parentId });
    },
    "placeOrder what-if": () => { place({ lmtPrice: 150, whatIf: true }); },
    "placeOrder refused": () => { place({ lmtPrice: 150.005 }); },
    reqExecutions: subscribe((id) => ib.reqExecutions(id, {})),
    "cancelOrder unknown": () => { ib.cancelOrder(99999); },
  };
};
