// What the simulator knows of a machine: what a rank's own work costs, and what lies between ranks.
//
// Times are seconds, sizes bytes. A value: made from a calibration (tuner), from a topology
// (machine_of.h), or by hand. Work that the rank does itself takes its time: it stores into peers'
// memory, or hands messages to the network. Where there are wires, data then travels by itself.
//
// Tested by machine_test.cc.

#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace tutti {

/// Seconds per byte, depending on how much memory is in use: that of a core's own caches, that of
/// shared caches, and more.
struct Curve {
  double cached = 0;  // up to 256 KiB
  double shared = 0;  // at 4 MiB
  double memory = 0;  // from 64 MiB

  /// Between these, along the logarithm of the size.
  double at(double bytes) const;

  static Curve flat(double per_byte) { return {per_byte, per_byte, per_byte}; }
  bool operator==(const Curve&) const = default;
};

/// What a rank's own work costs.
struct RankCosts {
  double call = 0;         // a call, once
  double block = 0;        // to begin and end a block
  double instruction = 0;  // a move, whatever its size
  double give = 0;         // a signal to a rank of the same host
  double take = 0;         // a signal that has come
  double line = 0;         // each line of a payload that travels in signals, on either side
  double turn = 0;         // from one rank to another on the same core
  Curve read_user;         // input and output
  Curve write_user;
  double stream_user = 0;  // past the caches
  Curve read_scratch;      // what a peer wrote there
  Curve write_scratch;     // own
  Curve write_peer;        // a peer's scratch or buffers, mapped
  Curve read_peer;
  double reduce = 0;  // a source beyond the first

  bool operator==(const RankCosts&) const = default;
};

/// What lies between ranks: inside a host, or between hosts.
struct WayCosts {
  double latency = 0;    // from a message's last byte sent until the peer can see it
  double message = 0;    // the sender's time for a message …
  double send_byte = 0;  // … and for each byte of it
  double receive = 0;    // the receiver's
  double receive_byte = 0;
  double overhead = 0;   // bytes of every message on the wire beside the data
  double expansion = 1;  // bytes on the wire per byte of data

  bool operator==(const WayCosts&) const = default;
};

struct Machine {
  std::vector<int> host_of;  // by rank; empty: one host
  int ranks = 1;
  RankCosts rank;
  WayCosts near;  // inside a host; only where there are wires: see wired()
  WayCosts far;

  // Wires: bytes per second one way; 0: not a limit.
  double rank_port = 0;       // of each rank, out and in, to ranks of its host
  double host_port = 0;       // of each network port of a host
  int ports = 1;              // of a host; its i-th rank uses port i modulo this
  double leaf_port = 0;       // of `leaf_hosts` hosts together, to the others
  int leaf_hosts = 0;         // 0: the network between hosts limits nothing
  std::vector<double> pairs;  // by place on the host and place: a link of these two alone; empty:
                              // there are none; 0: these two use their rank ports

  int cores = 0;  // of a host; its i-th rank runs on core i modulo this. 0: as many as ranks

  /// Whether data inside a host travels by itself, as between GPUs. Otherwise ranks move it.
  bool wired() const { return rank_port > 0 || !pairs.empty(); }
  int host(int rank) const { return host_of.empty() ? 0 : host_of[rank]; }

  bool operator==(const Machine&) const = default;
};

/// `hosts` hosts of `per_host` ranks, in order.
std::vector<int> regular_hosts(int hosts, int per_host);

}  // namespace tutti
