//! Two partitions of the same items compared, in the measures that PaStA's scorer prints.

use rustc_hash::FxHashMap;

/// The measures; all are 1 for equal partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Items that were put into clusters.
    pub items: usize,
    /// Of the pairs put together, those that belong together.
    pub precision: f64,
    /// Of the pairs that belong together, those put together.
    pub recall: f64,
    /// Geometric mean of both (Fowlkes and Mallows 1983).
    pub fowlkes_mallows: f64,
    /// Share of items that are in the class which rules their cluster.
    pub purity: f64,
    /// One minus H(class | cluster) / H(class) (Rosenberg and Hirschberg 2007).
    pub homogeneity: f64,
    /// One minus H(cluster | class) / H(cluster).
    pub completeness: f64,
    /// Rand's index, adjusted for chance (Hubert and Arabie 1985).
    pub adjusted_rand: f64,
    /// Mutual information, in nats.
    pub mutual_information: f64,
    /// The same over the arithmetic mean of both entropies.
    pub normalised_mutual_information: f64,
}

fn pairs(n: u64) -> f64 {
    n as f64 * (n as f64 - 1.0) / 2.0
}

fn entropy(counts: &FxHashMap<u64, u64>, items: f64) -> f64 {
    counts.values().map(|n| *n as f64 / items).map(|p| -p * p.ln()).sum()
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 1.0 } else { part / whole }
}

impl Measures {
    /// Compares: for each item its true class and the cluster that it was put into.
    pub fn of(items: &[(u64, u64)]) -> Measures {
        let n = items.len() as f64;
        if items.is_empty() {
            return Measures::default();
        }
        let (mut classes, mut clusters, mut both) =
            (FxHashMap::default(), FxHashMap::default(), FxHashMap::<(u64, u64), u64>::default());
        for (class, cluster) in items {
            *classes.entry(*class).or_insert(0u64) += 1;
            *clusters.entry(*cluster).or_insert(0u64) += 1;
            *both.entry((*class, *cluster)).or_default() += 1;
        }
        let together: f64 = both.values().map(|n| pairs(*n)).sum();
        let (true_pairs, claimed): (f64, f64) =
            (classes.values().map(|n| pairs(*n)).sum(), clusters.values().map(|n| pairs(*n)).sum());
        let mut rule: FxHashMap<u64, u64> = FxHashMap::default();
        let mut information = 0.0;
        for ((class, cluster), count) in &both {
            let most = rule.entry(*cluster).or_default();
            *most = (*most).max(*count);
            let p = *count as f64 / n;
            information += p * (p * n * n / (classes[class] as f64 * clusters[cluster] as f64)).ln();
        }
        let (h_class, h_cluster) = (entropy(&classes, n), entropy(&clusters, n));
        let (precision, recall) = (ratio(together, claimed), ratio(together, true_pairs));
        let expected = true_pairs * claimed / pairs(items.len() as u64).max(1.0);
        let most = (true_pairs + claimed) / 2.0;
        Measures {
            items: items.len(),
            precision,
            recall,
            fowlkes_mallows: (precision * recall).sqrt(),
            purity: rule.values().sum::<u64>() as f64 / n,
            homogeneity: ratio(information, h_class),
            completeness: ratio(information, h_cluster),
            adjusted_rand: ratio(together - expected, most - expected),
            mutual_information: information,
            normalised_mutual_information: ratio(2.0 * information, h_class + h_cluster),
        }
    }

    /// F: the harmonic mean of precision and recall.
    pub fn f(&self) -> f64 {
        ratio(2.0 * self.precision * self.recall, self.precision + self.recall)
    }

    /// V: the harmonic mean of homogeneity and completeness.
    pub fn v(&self) -> f64 {
        ratio(2.0 * self.homogeneity * self.completeness, self.homogeneity + self.completeness)
    }

    /// The measures on two lines.
    pub fn text(&self) -> String {
        format!(
            "as clusters ({} items): precision {:.4}, recall {:.4}, F {:.4}, Fowlkes-Mallows {:.4}, purity {:.4}\n\
             homogeneity {:.4}, completeness {:.4}, V {:.4}, ARI {:.4}, MI {:.4}, NMI {:.4}\n",
            self.items,
            self.precision,
            self.recall,
            self.f(),
            self.fowlkes_mallows,
            self.purity,
            self.homogeneity,
            self.completeness,
            self.v(),
            self.adjusted_rand,
            self.mutual_information,
            self.normalised_mutual_information
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_split_costs_recall_and_a_merge_precision() {
        let split = Measures::of(&[(1, 1), (1, 1), (1, 2), (2, 3), (2, 3)]);
        assert_eq!((split.precision, split.recall, split.purity), (1.0, 0.5, 1.0));
        let merged = Measures::of(&[(1, 1), (1, 1), (2, 1), (2, 1)]);
        assert_eq!((merged.recall, merged.purity), (1.0, 0.5));
        assert!((merged.precision - 2.0 / 6.0).abs() < 1e-12);
        assert!(merged.homogeneity.abs() < 1e-12 && merged.adjusted_rand.abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn equal_partitions_score_one_whatever_their_names(items in prop::collection::vec(0u64..6, 2..60)) {
            let m = Measures::of(&items.iter().map(|c| (*c, c * 7 + 3)).collect::<Vec<_>>());
            for value in [m.precision, m.recall, m.purity, m.homogeneity, m.completeness, m.adjusted_rand, m.f(), m.v()] {
                prop_assert!((value - 1.0).abs() < 1e-9, "{m:?}");
            }
        }
    }
}
