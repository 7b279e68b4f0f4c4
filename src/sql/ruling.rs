//! What a caller may do, all in one: which statements, on which objects, how much they may cost and give. And which
//! caller that is: rulings differ by role and by key. Decides nothing itself: the guard, the lists and the gate before a
//! statement do.

use std::sync::Arc;

use super::guard::Policy;
use super::objects::ObjectRules;

/// What a caller may do.
#[derive(Debug, Clone, Default)]
pub struct Ruling {
    /// Which statements pass.
    pub policy: Policy,
    /// Which objects they may be about.
    pub objects: ObjectRules,
    /// What they may cost.
    pub cost: CostRules,
    /// Rows of one result, where that is fewer than the server's bound.
    pub rows_max: Option<u64>,
    /// Bytes of one result, where that is less than the server's bound.
    pub result_bytes_max: Option<usize>,
    /// Whether a write runs without being confirmed first.
    pub writes_unasked: bool,
}

/// What a statement may cost by its plan, before it runs. The figures are upper bounds: what is read is mostly less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CostRules {
    /// More bytes are refused.
    pub scan_bytes_max: Option<u64>,
    /// More partitions are refused.
    pub partitions_max: Option<u64>,
    /// For more bytes the client is asked first.
    pub scan_bytes_unasked_max: Option<u64>,
    /// For more partitions the client is asked first.
    pub partitions_unasked_max: Option<u64>,
    /// What happens when there is no plan to judge by.
    pub unexplained: Unexplained,
}

/// What happens to a statement whose plan cannot be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unexplained {
    /// It is refused where there are lists of objects, and runs where there are limits only.
    #[default]
    ByLists,
    /// It is refused.
    Refused,
    /// It runs.
    Runs,
}

impl CostRules {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        [
            self.scan_bytes_max,
            self.partitions_max,
            self.scan_bytes_unasked_max,
            self.partitions_unasked_max,
        ]
        .iter()
        .all(Option::is_none)
    }

    /// Whether a caller may have to be asked.
    pub fn asks(&self) -> bool {
        self.scan_bytes_unasked_max.is_some() || self.partitions_unasked_max.is_some()
    }
}

impl Ruling {
    /// Whether the plan of a statement has to be seen before it runs.
    pub fn needs_plan(&self) -> bool {
        !self.objects.is_empty() || !self.cost.is_empty()
    }

    /// Whether a statement without a plan may run.
    pub fn runs_unexplained(&self) -> bool {
        match self.cost.unexplained {
            Unexplained::ByLists => self.objects.is_empty(),
            Unexplained::Refused => false,
            Unexplained::Runs => true,
        }
    }

    /// Whether a call may have to be confirmed.
    pub fn asks(&self) -> bool {
        self.cost.asks() || (!self.writes_unasked && self.policy.writes().next().is_some())
    }
}

/// Every ruling. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rulings {
    base: Arc<Ruling>,
    special: Arc<Vec<Special>>,
}

/// The ruling for callers with this key, or in this role, or both.
#[derive(Debug, Clone)]
pub struct Special {
    /// Exact name of the role; `None` for any.
    pub role: Option<String>,
    /// What calls with the key are bound to, made of its label; `None` for any.
    pub key: Option<Vec<u8>>,
    /// What holds for them.
    pub ruling: Arc<Ruling>,
}

impl Default for Rulings {
    fn default() -> Self {
        Self::from(Ruling::default())
    }
}

impl From<Ruling> for Rulings {
    fn from(base: Ruling) -> Self {
        Self::new(base, Vec::new())
    }
}

impl From<Policy> for Rulings {
    fn from(policy: Policy) -> Self {
        Self::from(Ruling {
            policy,
            ..Ruling::default()
        })
    }
}

impl Rulings {
    /// `base` for everybody for whom there is nothing in `special`.
    pub fn new(base: Ruling, special: Vec<Special>) -> Self {
        Self {
            base: Arc::new(base),
            special: Arc::new(special),
        }
    }

    /// What holds for everybody else.
    pub fn base(&self) -> &Arc<Ruling> {
        &self.base
    }

    /// Those that hold for some callers only.
    pub fn special(&self) -> &[Special] {
        &self.special
    }

    /// Every ruling there is, for what is the same for all callers.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Ruling>> {
        std::iter::once(&self.base).chain(self.special.iter().map(|special| &special.ruling))
    }

    /// Whether they let everybody see the same objects as `other`.
    pub fn have_same_objects(&self, other: &Self) -> bool {
        let whose = |special: &Special| (special.role.clone(), special.key.clone());
        let is_same = |(one, other): (&Special, &Special)| {
            whose(one) == whose(other) && one.ruling.objects == other.ruling.objects
        };
        self.base.objects == other.base.objects
            && self.special.len() == other.special.len()
            && self.special.iter().zip(&*other.special).all(is_same)
    }

    /// Whether something is said for a role.
    pub fn are_by_role(&self) -> bool {
        self.special.iter().any(|special| special.role.is_some())
    }

    /// What holds for a caller with this key in this role: what is said for both, else for the key, else for the role.
    pub fn of(&self, role: Option<&str>, key: Option<&[u8]>) -> &Arc<Ruling> {
        let find = |role: Option<&str>, key: Option<&[u8]>| {
            let is_it = |special: &&Special| special.role.as_deref() == role && special.key.as_deref() == key;
            self.special.iter().find(is_it).map(|special| &special.ruling)
        };
        let both = match (role, key) {
            (Some(_), Some(_)) => find(role, key),
            _ => None,
        };
        both.or_else(|| key.and_then(|key| find(None, Some(key))))
            .or_else(|| role.and_then(|role| find(Some(role), None)))
            .unwrap_or(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_special_ruling_holds() {
        let rows = |rows| Ruling {
            rows_max: Some(rows),
            ..Ruling::default()
        };
        let special = |role: Option<&str>, key: Option<&str>, count| Special {
            role: role.map(str::to_owned),
            key: key.map(|key| key.as_bytes().to_vec()),
            ruling: Arc::new(rows(count)),
        };
        let rulings = Rulings::new(
            rows(1),
            vec![
                special(Some("R"), None, 2),
                special(None, Some("k"), 3),
                special(Some("R"), Some("k"), 4),
            ],
        );
        for (role, key, expected) in [
            (None, None, 1),
            (Some("S"), Some("l"), 1),
            (Some("R"), None, 2),
            (Some("R"), Some("l"), 2),
            (None, Some("k"), 3),
            (Some("S"), Some("k"), 3),
            (Some("R"), Some("k"), 4),
        ] {
            let key = key.map(str::as_bytes);
            assert_eq!(rulings.of(role, key).rows_max, Some(expected), "{role:?} {key:?}");
        }
        assert_eq!(rulings.all().count(), 4);
    }

    #[test]
    fn without_a_plan_lists_are_closed_and_limits_open_unless_told_otherwise() {
        let limits = CostRules {
            partitions_max: Some(1),
            ..CostRules::default()
        };
        let lists = ObjectRules::new(&["d"], &[]).unwrap();
        let ruling = |objects: &ObjectRules, unexplained| Ruling {
            objects: objects.clone(),
            cost: CostRules {
                unexplained,
                ..limits
            },
            ..Ruling::default()
        };
        assert!(ruling(&ObjectRules::default(), Unexplained::ByLists).runs_unexplained());
        assert!(!ruling(&lists, Unexplained::ByLists).runs_unexplained());
        assert!(ruling(&lists, Unexplained::Runs).runs_unexplained());
        assert!(!ruling(&ObjectRules::default(), Unexplained::Refused).runs_unexplained());
        assert!(!Ruling::default().needs_plan() && !Ruling::default().asks());
    }
}
