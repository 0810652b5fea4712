/* Latencies, 64 steps to each doubling: a percentile is right within 1.6 %. */
#include "load.h"

#include <stdio.h>

#define STEPS 64
static long long counts[60 * STEPS], total;
static int64_t largest;

static int place(uint64_t value) {
    if (value < STEPS) return (int)value;
    int doublings = 63 - __builtin_clzll(value) - 6;
    return (doublings + 1) * STEPS + (int)((value >> doublings) - STEPS);
}

static double value_at(int index) {
    if (index < STEPS) return index;
    int doublings = index / STEPS - 1;
    return (double)((uint64_t)(index % STEPS + STEPS) << doublings) + (double)(1ULL << doublings) / 2;
}

void record(int64_t nanoseconds) {
    if (nanoseconds < 0) nanoseconds = 0;
    if (nanoseconds > largest) largest = nanoseconds;
    counts[place(nanoseconds)]++;
    total++;
}

static double percentile(double share) {
    long long below = 0;
    for (int i = 0; i < 60 * STEPS; i++)
        if ((below += counts[i]) >= share * total) return value_at(i) / 1000;
    return largest / 1000.0;
}

void print_latency(void) {
    if (!total) return;
    printf(",\"latency_us\":{\"count\":%lld,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", total,
           percentile(0.5), percentile(0.9), percentile(0.99), percentile(0.999), largest / 1000.0);
}
