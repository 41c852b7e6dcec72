"""Least squares of one or two positive numbers, without derivatives: Nelder and Mead, 1965."""

import math

SPREAD = 0.4      # of the first simplex, in logarithms: half as much again
CLOSE = 1e-6      # two fits whose costs differ by less are the same
MOST_MOVES = 80


def cost(predicted, measured):
    """Of times; twice as long is as wrong as half as long."""
    return sum(math.log(p / m) ** 2 for p, m in zip(predicted, measured, strict=True))


def fit(cost_of, start):
    """The numbers that cost least, in the order of `start`. cost_of takes a list of numbers."""
    def at(point):
        return cost_of([math.exp(x) for x in point]), point
    first = [math.log(number) for number in start]
    corners = [at(first)]
    for i in range(len(first)):
        corners.append(at([x + SPREAD * (i == j) for j, x in enumerate(first)]))
    for _ in range(MOST_MOVES):
        corners.sort()
        if corners[-1][0] - corners[0][0] < CLOSE:
            break
        corners = move(corners, at)
    return [math.exp(x) for x in min(corners)[1]]


def move(corners, at):
    """The worst corner goes to a better place; if there is none, all go nearer to the best."""
    *kept, worst = corners
    middle = [sum(xs) / len(kept) for xs in zip(*(point for _, point in kept))]

    def beyond(factor):
        return at([m + factor * (m - w) for m, w in zip(middle, worst[1])])
    reflected = beyond(1)
    if reflected < kept[0]:
        return [*kept, min(reflected, beyond(2))]
    if reflected < kept[-1]:
        return [*kept, reflected]
    contracted = beyond(-0.5)
    if contracted < worst:
        return [*kept, contracted]
    best = kept[0]
    return [best, *(at([(b + x) / 2 for b, x in zip(best[1], point)]) for _, point in corners[1:])]
